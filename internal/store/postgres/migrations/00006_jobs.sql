-- +goose Up
-- A row for each job that runs, made when it is taken and removed when it ends. holder is another with each
-- attempt: nobody else has the job. process is of whom it is, until is when it is nobody's, by the clock of
-- the database, in nanoseconds since 1970.
CREATE TABLE leases (
  job     BIGINT PRIMARY KEY,
  holder  TEXT COLLATE "C" NOT NULL,
  process TEXT COLLATE "C" NOT NULL,
  until   BIGINT NOT NULL
);
CREATE INDEX leases_until ON leases (until);
CREATE INDEX leases_process ON leases (process);

-- Processes that take jobs.
CREATE TABLE workers (
  process TEXT COLLATE "C" PRIMARY KEY,
  name    TEXT NOT NULL,
  seen    BIGINT NOT NULL
);

ALTER TABLE submissions DROP COLUMN lease;
ALTER TABLE submissions ADD COLUMN job BIGINT NOT NULL DEFAULT 0; -- 0 if it is of before there were jobs

-- +goose Down
ALTER TABLE submissions DROP COLUMN job;
ALTER TABLE submissions ADD COLUMN lease BIGINT NOT NULL DEFAULT 0;
DROP TABLE workers;
DROP TABLE leases;
