-- +goose Up
CREATE TABLE keys (
  n       INTEGER PRIMARY KEY AUTOINCREMENT,
  id      TEXT NOT NULL UNIQUE,
  hash    TEXT NOT NULL UNIQUE,
  name    TEXT NOT NULL,
  scopes  TEXT NOT NULL, -- JSON
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  revoked INTEGER NOT NULL
);

CREATE TABLE deeds (
  n       INTEGER PRIMARY KEY AUTOINCREMENT,
  at      INTEGER NOT NULL,
  who     TEXT NOT NULL,
  origin  TEXT NOT NULL,
  what    TEXT NOT NULL,
  about   TEXT NOT NULL,
  refused TEXT NOT NULL
);

CREATE TABLE disputes (
  n       INTEGER PRIMARY KEY AUTOINCREMENT,
  id      TEXT NOT NULL UNIQUE,
  digest  TEXT NOT NULL,
  at      INTEGER NOT NULL,
  origin  TEXT NOT NULL,
  contact TEXT NOT NULL,
  text    TEXT NOT NULL
);
CREATE INDEX disputes_digest ON disputes (digest, n);

CREATE TABLE hooks (
  n        INTEGER PRIMARY KEY AUTOINCREMENT,
  id       TEXT NOT NULL UNIQUE,
  url      TEXT NOT NULL,
  secret   TEXT NOT NULL,
  verdicts TEXT NOT NULL, -- JSON
  owner    TEXT NOT NULL,
  created  INTEGER NOT NULL
);

-- What is to be told yet.
CREATE TABLE deliveries (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  hook     INTEGER NOT NULL REFERENCES hooks (n) ON DELETE CASCADE,
  report   INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
  due      INTEGER NOT NULL,
  sender   TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  failure  TEXT NOT NULL,
  UNIQUE (hook, report)
);
CREATE INDEX deliveries_due ON deliveries (due, id);
CREATE INDEX deliveries_report ON deliveries (report);

-- +goose Down
DROP TABLE deliveries;
DROP TABLE hooks;
DROP TABLE disputes;
DROP TABLE deeds;
DROP TABLE keys;
