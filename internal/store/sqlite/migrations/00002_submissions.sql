-- +goose Up
CREATE TABLE submissions (
  n           INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order in which they came
  id          TEXT NOT NULL UNIQUE,
  ref         TEXT NOT NULL,
  key         TEXT NOT NULL,
  owner       TEXT NOT NULL,
  options     TEXT NOT NULL, -- JSON
  state       TEXT NOT NULL,
  stage       TEXT NOT NULL,
  digest      TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  failure     TEXT NOT NULL,
  attempts    INTEGER NOT NULL,
  worker      TEXT NOT NULL,
  lease       INTEGER NOT NULL, -- when it ends
  told        INTEGER NOT NULL, -- the number of the last progress
  created     INTEGER NOT NULL,
  started     INTEGER NOT NULL,
  finished    INTEGER NOT NULL
);
CREATE INDEX submissions_open ON submissions (n) WHERE state IN ('queued', 'running');
CREATE INDEX submissions_key ON submissions (key, n) WHERE key <> '';
CREATE INDEX submissions_owner ON submissions (owner, n);

CREATE TABLE progress (
  submission INTEGER NOT NULL REFERENCES submissions (n) ON DELETE CASCADE,
  number     INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  kind       TEXT NOT NULL,
  data       TEXT NOT NULL, -- JSON
  PRIMARY KEY (submission, number)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE progress;
DROP TABLE submissions;
