-- +goose Up
CREATE TABLE keys (
  n       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id      TEXT COLLATE "C" NOT NULL UNIQUE,
  hash    TEXT COLLATE "C" NOT NULL UNIQUE,
  name    TEXT NOT NULL,
  scopes  TEXT NOT NULL, -- JSON
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  revoked BIGINT NOT NULL
);

CREATE TABLE deeds (
  n       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      BIGINT NOT NULL,
  who     TEXT NOT NULL,
  origin  TEXT NOT NULL,
  what    TEXT NOT NULL,
  about   TEXT NOT NULL,
  refused TEXT NOT NULL
);

CREATE TABLE disputes (
  n       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id      TEXT COLLATE "C" NOT NULL UNIQUE,
  digest  TEXT COLLATE "C" NOT NULL,
  at      BIGINT NOT NULL,
  origin  TEXT NOT NULL,
  contact TEXT NOT NULL,
  text    TEXT NOT NULL
);
CREATE INDEX disputes_digest ON disputes (digest, n);

CREATE TABLE hooks (
  n        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id       TEXT COLLATE "C" NOT NULL UNIQUE,
  url      TEXT NOT NULL,
  secret   TEXT NOT NULL,
  verdicts TEXT NOT NULL, -- JSON
  owner    TEXT COLLATE "C" NOT NULL,
  created  BIGINT NOT NULL
);

-- What is to be told yet.
CREATE TABLE deliveries (
  id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hook     BIGINT NOT NULL REFERENCES hooks (n) ON DELETE CASCADE,
  report   BIGINT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
  due      BIGINT NOT NULL,
  sender   TEXT NOT NULL,
  attempts BIGINT NOT NULL,
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
