-- Everything the demo keeps. Later migrations only add, so that the other color's version goes on working.
CREATE TABLE visits (total bigint NOT NULL);
INSERT INTO visits (total) VALUES (0);

-- No unique constraint: a request that was executed twice must be seen.
CREATE TABLE posts (id text NOT NULL, color text NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE INDEX posts_id ON posts (id text_pattern_ops);

-- A job's effect is one row of job_runs, written in the transaction that enters the job into the ledger.
CREATE TABLE job_ledger (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE job_runs (id text NOT NULL, color text NOT NULL, host text NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE INDEX job_runs_id ON job_runs (id text_pattern_ops);
CREATE TABLE job_attempts (id text NOT NULL, color text NOT NULL, host text NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE INDEX job_attempts_id ON job_attempts (id text_pattern_ops);

CREATE SEQUENCE tick_numbers;
CREATE TABLE scheduler_lifetimes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    color text NOT NULL,
    version text NOT NULL,
    host text NOT NULL,
    ticks bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    last_beat_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
