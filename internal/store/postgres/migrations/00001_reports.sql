-- Numbers of changes. Who takes one has a lock that those who read up to it wait for: see package
-- postgres.
-- +goose Up
CREATE SEQUENCE changes;

-- The report as JSON in zstd; its blobs as JSON; the ids of its facts, as package tables writes them.
CREATE TABLE bodies (
  id    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  body  BYTEA NOT NULL,
  blobs TEXT NOT NULL,
  facts BYTEA NOT NULL
);
ALTER TABLE bodies ALTER COLUMN body SET STORAGE EXTERNAL; -- it is compressed

-- A line for each report. Times are nanoseconds since 1970, 0 for none.
CREATE TABLE reports (
  id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  seq           BIGINT NOT NULL UNIQUE,
  digest        TEXT COLLATE "C" NOT NULL,
  key           TEXT COLLATE "C" NOT NULL,
  body          BIGINT NOT NULL UNIQUE REFERENCES bodies (id),
  newest        BOOLEAN NOT NULL, -- of its digest
  registry      TEXT COLLATE "C" NOT NULL,
  repository    TEXT COLLATE "C" NOT NULL,
  tag           TEXT COLLATE "C" NOT NULL,
  verdict       TEXT NOT NULL,
  sentence      TEXT NOT NULL,
  category      TEXT NOT NULL,
  family        TEXT NOT NULL,
  vulnerability TEXT NOT NULL,
  platform      TEXT NOT NULL,
  size          BIGINT NOT NULL,
  analysed      BIGINT NOT NULL,
  stored        BIGINT NOT NULL,
  UNIQUE (digest, key)
);
CREATE UNIQUE INDEX reports_newest ON reports (digest) WHERE newest;
CREATE INDEX reports_repository ON reports (registry, repository);

-- The blobs of reports once more, by their hash.
CREATE TABLE blobs (
  hash   TEXT COLLATE "C" NOT NULL,
  report BIGINT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
  PRIMARY KEY (hash, report)
);
CREATE INDEX blobs_report ON blobs (report);

-- Digests of which there was no report left at a change. Who remembers reports elsewhere reads this.
CREATE TABLE dropped (
  digest TEXT COLLATE "C" PRIMARY KEY,
  seq    BIGINT NOT NULL
);
CREATE INDEX dropped_seq ON dropped (seq);

-- hash is the beginning of the SHA-256 of kind and value, in base64: an index has no place for long ones.
CREATE TABLE facts (
  id    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hash  TEXT COLLATE "C" NOT NULL UNIQUE,
  kind  TEXT NOT NULL,
  value TEXT NOT NULL
);

-- Which reports have a fact: the newest of each digest alone.
CREATE TABLE found (
  fact BIGINT NOT NULL,
  seq  BIGINT NOT NULL,
  PRIMARY KEY (fact, seq)
);
-- Few facts are in many reports, and a sample sees those alone: then it is not worth while to use an index.
ALTER TABLE found ALTER COLUMN fact SET (n_distinct = -0.01);

CREATE TABLE repositories (
  registry    TEXT COLLATE "C" NOT NULL,
  name        TEXT COLLATE "C" NOT NULL,
  seq         BIGINT NOT NULL, -- of the last change of pulls
  description TEXT NOT NULL,
  pulls       BIGINT NOT NULL,
  stars       BIGINT NOT NULL,
  official    BOOLEAN NOT NULL,
  verified    BOOLEAN NOT NULL,
  updated     BIGINT NOT NULL,
  PRIMARY KEY (registry, name)
);
CREATE INDEX repositories_seq ON repositories (seq);

-- Every name under which a report was put. id grows with each time that it is.
CREATE TABLE history (
  id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  registry   TEXT COLLATE "C" NOT NULL,
  repository TEXT COLLATE "C" NOT NULL,
  tag        TEXT COLLATE "C" NOT NULL,
  report     BIGINT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
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
DROP SEQUENCE changes;
