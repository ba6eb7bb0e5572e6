-- +goose Up
ALTER TABLE reports ADD COLUMN aim TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN measure TEXT; -- JSON; none for those of before, which are measured when they are read

CREATE TABLE surveys (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL UNIQUE, -- with a slash for one that is being dropped
  sources    TEXT NOT NULL, -- JSON
  choice     TEXT NOT NULL, -- JSON
  options    TEXT NOT NULL, -- JSON
  aim        TEXT NOT NULL,
  state      TEXT NOT NULL,
  listed     INTEGER NOT NULL, -- whether listing has ended
  watch      INTEGER NOT NULL,
  priority   INTEGER NOT NULL,
  cursor     TEXT NOT NULL,
  candidates INTEGER NOT NULL, -- the number of the last
  mended     INTEGER NOT NULL, -- when it was looked for what is stuck
  created    INTEGER NOT NULL,
  ended      INTEGER NOT NULL
);

-- States, classes and ranks are numbers, as package tables writes them: there are millions of rows.
-- draw is a hash of the seed of the survey and the name: by it a repository is drawn, and found.
CREATE TABLE candidates (
  survey     INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  draw       INTEGER NOT NULL,
  registry   TEXT NOT NULL,
  repository TEXT NOT NULL,
  class      INTEGER NOT NULL,
  pulls      INTEGER NOT NULL,
  stars      INTEGER NOT NULL,
  updated    INTEGER NOT NULL, -- seconds since 1970, 0 for unknown
  state      INTEGER NOT NULL,
  rank       INTEGER NOT NULL, -- the smaller is looked at first
  weight     REAL NOT NULL,
  stratum    TEXT NOT NULL,
  reason     TEXT NOT NULL,
  wanted     TEXT NOT NULL, -- JSON, or empty; of strings, one that is empty is what the choice takes
  PRIMARY KEY (survey, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX candidates_draw ON candidates (survey, draw);
-- An index has one state: SQLite, when it knows how many surveys there are, would rather go through a state and sort.
CREATE INDEX candidates_chosen ON candidates (survey, rank, number) WHERE state = 1;
CREATE INDEX candidates_looking ON candidates (survey, number) WHERE state = 2;

-- Repositories that a job is to look at.
CREATE TABLE looks (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  survey  INTEGER NOT NULL,
  numbers TEXT NOT NULL, -- JSON
  failed  TEXT NOT NULL  -- why its job has failed, or empty
);
CREATE INDEX looks_survey ON looks (survey, id);

-- digest is base64 without "sha256:", or as it is if it is another.
CREATE TABLE items (
  survey    INTEGER NOT NULL,
  candidate INTEGER NOT NULL,
  number    INTEGER NOT NULL,
  tag       TEXT NOT NULL,
  platform  TEXT NOT NULL,
  digest    TEXT NOT NULL,
  size      INTEGER NOT NULL,
  pushed    INTEGER NOT NULL, -- seconds since 1970, 0 for unknown
  state     INTEGER NOT NULL,
  rank      INTEGER NOT NULL,
  seen      INTEGER NOT NULL,
  reason    TEXT NOT NULL,
  PRIMARY KEY (survey, candidate, number)
) WITHOUT ROWID;
CREATE INDEX items_ready ON items (survey, rank, candidate, number) WHERE state = 0;
CREATE INDEX items_queued ON items (survey, rank, candidate, number) WHERE state = 1;
CREATE INDEX items_withheld ON items (survey, rank, candidate, number) WHERE state = 6;
CREATE INDEX items_tried ON items (substr(digest, 1, 12), survey, state) WHERE state IN (1, 4, 5, 6);

-- How many there are of something is the sum: who changes it waits for nobody.
CREATE TABLE tallies (
  id     INTEGER PRIMARY KEY,
  survey INTEGER NOT NULL,
  kind   TEXT NOT NULL,
  value  TEXT NOT NULL,
  n      INTEGER NOT NULL
);
CREATE INDEX tallies_survey ON tallies (survey);

-- Times are nanoseconds of the clock of the database.
CREATE TABLE hosts (
  host   TEXT PRIMARY KEY,
  second REAL NOT NULL,
  burst  INTEGER NOT NULL,
  brim   INTEGER NOT NULL, -- when the bucket is full again
  asked  INTEGER NOT NULL,
  held   INTEGER NOT NULL, -- until then
  why    TEXT NOT NULL
);

-- +goose Down
DROP TABLE hosts;
DROP TABLE tallies;
DROP TABLE items;
DROP TABLE looks;
DROP TABLE candidates;
DROP TABLE surveys;
ALTER TABLE reports DROP COLUMN measure;
ALTER TABLE reports DROP COLUMN aim;
