-- A migration that is bad on purpose, like the faults of DEMO_FAULT: no version lists it but those of tests.
-- What its first statement made must be gone when the second has failed.
CREATE TABLE half_made (id bigint PRIMARY KEY);
INSERT INTO no_such_table VALUES (1);
