-- +goose Up
CREATE TABLE submissions (
  n           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order in which they came
  id          TEXT COLLATE "C" NOT NULL UNIQUE,
  ref         TEXT NOT NULL,
  key         TEXT COLLATE "C" NOT NULL,
  owner       TEXT COLLATE "C" NOT NULL,
  options     TEXT NOT NULL, -- JSON
  state       TEXT NOT NULL,
  stage       TEXT NOT NULL,
  digest      TEXT COLLATE "C" NOT NULL,
  fingerprint TEXT NOT NULL,
  failure     TEXT NOT NULL,
  attempts    BIGINT NOT NULL,
  worker      TEXT NOT NULL,
  lease       BIGINT NOT NULL, -- when it ends
  told        BIGINT NOT NULL, -- the number of the last progress
  created     BIGINT NOT NULL,
  started     BIGINT NOT NULL,
  finished    BIGINT NOT NULL
);
CREATE INDEX submissions_open ON submissions (n) WHERE state IN ('queued', 'running');
CREATE INDEX submissions_key ON submissions (key, n) WHERE key <> '';
CREATE INDEX submissions_owner ON submissions (owner, n);

CREATE TABLE progress (
  submission BIGINT NOT NULL REFERENCES submissions (n) ON DELETE CASCADE,
  number     BIGINT NOT NULL,
  at         BIGINT NOT NULL,
  kind       TEXT NOT NULL,
  data       TEXT NOT NULL, -- JSON
  PRIMARY KEY (submission, number)
);

-- +goose Down
DROP TABLE progress;
DROP TABLE submissions;
