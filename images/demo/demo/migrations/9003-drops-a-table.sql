-- No version lists it but those of tests, as one that the other color would not bear.
DROP TABLE spare;
