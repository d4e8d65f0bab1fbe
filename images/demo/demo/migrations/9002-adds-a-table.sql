-- No version lists it but those of tests: the other color does not notice it.
CREATE TABLE spare (id bigint PRIMARY KEY);
