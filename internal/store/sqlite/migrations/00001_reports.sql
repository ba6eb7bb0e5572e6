-- Numbers of changes, in the order in which they are committed: there is one writer.
-- +goose Up
CREATE TABLE changes (value INTEGER NOT NULL);
INSERT INTO changes (value) VALUES (0);

-- The report as JSON in zstd; its blobs as JSON; the ids of its facts, as package tables writes them.
CREATE TABLE bodies (
  id    INTEGER PRIMARY KEY,
  body  BLOB NOT NULL,
  blobs TEXT NOT NULL,
  facts BLOB NOT NULL
);

-- A line for each report. Times are nanoseconds since 1970, 0 for none.
CREATE TABLE reports (
  id            INTEGER PRIMARY KEY,
  seq           INTEGER NOT NULL UNIQUE,
  digest        TEXT NOT NULL,
  key           TEXT NOT NULL,
  body          INTEGER NOT NULL UNIQUE REFERENCES bodies (id),
  newest        INTEGER NOT NULL, -- of its digest
  registry      TEXT NOT NULL,
  repository    TEXT NOT NULL,
  tag           TEXT NOT NULL,
  verdict       TEXT NOT NULL,
  sentence      TEXT NOT NULL,
  category      TEXT NOT NULL,
  family        TEXT NOT NULL,
  vulnerability TEXT NOT NULL,
  platform      TEXT NOT NULL,
  size          INTEGER NOT NULL,
  analysed      INTEGER NOT NULL,
  stored        INTEGER NOT NULL,
  UNIQUE (digest, key)
);
CREATE UNIQUE INDEX reports_newest ON reports (digest) WHERE newest;
CREATE INDEX reports_repository ON reports (registry, repository);

-- The blobs of reports once more, by their hash.
CREATE TABLE blobs (
  hash   TEXT NOT NULL,
  report INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
  PRIMARY KEY (hash, report)
) WITHOUT ROWID;
CREATE INDEX blobs_report ON blobs (report);

-- Digests of which there was no report left at a change. Who remembers reports elsewhere reads this.
CREATE TABLE dropped (
  digest TEXT PRIMARY KEY,
  seq    INTEGER NOT NULL
);
CREATE INDEX dropped_seq ON dropped (seq);

-- hash is the beginning of the SHA-256 of kind and value, in base64: an index has no place for long ones.
CREATE TABLE facts (
  id    INTEGER PRIMARY KEY,
  hash  TEXT NOT NULL UNIQUE,
  kind  TEXT NOT NULL,
  value TEXT NOT NULL
);

-- Which reports have a fact: the newest of each digest alone.
CREATE TABLE found (
  fact INTEGER NOT NULL,
  seq  INTEGER NOT NULL,
  PRIMARY KEY (fact, seq)
) WITHOUT ROWID;

CREATE TABLE repositories (
  registry    TEXT NOT NULL,
  name        TEXT NOT NULL,
  seq         INTEGER NOT NULL, -- of the last change of pulls
  description TEXT NOT NULL,
  pulls       INTEGER NOT NULL,
  stars       INTEGER NOT NULL,
  official    INTEGER NOT NULL,
  verified    INTEGER NOT NULL,
  updated     INTEGER NOT NULL,
  PRIMARY KEY (registry, name)
);
CREATE INDEX repositories_seq ON repositories (seq);

-- Every name under which a report was put. id grows with each time that it is.
CREATE TABLE history (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  registry   TEXT NOT NULL,
  repository TEXT NOT NULL,
  tag        TEXT NOT NULL,
  report     INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
  UNIQUE (report, registry, repository, tag)
);
CREATE INDEX history_repository ON history (registry, repository, id);
CREATE INDEX history_tag ON history (registry, repository, tag, id);

-- +goose Down
DROP TABLE history;
DROP TABLE repositories;
DROP TABLE found;
DROP TABLE facts;
DROP TABLE dropped;
DROP TABLE blobs;
DROP TABLE reports;
DROP TABLE bodies;
DROP TABLE changes;
