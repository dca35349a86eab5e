-- Times are UTC milliseconds. Days, months and "whole" are spans as in package survey.

CREATE TABLE places (
  code   TEXT PRIMARY KEY,
  name   TEXT NOT NULL,
  kind   TEXT NOT NULL,
  parent TEXT NOT NULL,
  active INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE surveys (
  id    TEXT PRIMARY KEY,
  opens INTEGER NOT NULL,
  doc   TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE codes (
  serial  INTEGER PRIMARY KEY,
  survey  TEXT NOT NULL,
  window  TEXT NOT NULL,
  issued  INTEGER NOT NULL,
  revoked INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX codes_window ON codes(survey, window);

-- A series is a survey at one window under one path of the tree. Responses
-- carry its number instead of five codes, which keeps rows and index small.
CREATE TABLE series (
  no     INTEGER PRIMARY KEY,
  survey TEXT NOT NULL,
  path   TEXT NOT NULL,
  window TEXT NOT NULL,
  UNIQUE (survey, path)
);
CREATE INDEX series_window ON series(survey, window);

-- Rows are only ever added. seq is the order of commitment, since there is one
-- writer; keys begin with the time their form was made, so both trees grow at
-- their right edge.
--
-- Columns are what queries select or join by. The rest is in body, since reading
-- eight more columns of a million rows takes several times as long:
--
--   byte 0   level, 1 (very satisfied) to 5: hex(substr(body, 1, 1)) tells it
--   byte 1   version of this layout: 1
--   byte 2   channel
--   byte 3   1 if the row has a case_number or a secret, else 0
--   varint   time of receipt, UTC milliseconds
--   16 bytes id the response is exported under
--   varint   version of the questionnaire
--   uvarint  number of answers; each: uvarint length, name, one byte level
--   uvarint  number of reasons; each: varint code
--   rest     comment, UTF-8
--
-- A uvarint is base 128, lowest digits first, the high bit set on all bytes but
-- the last; a varint is a uvarint of 2n for n >= 0, of -2n-1 for n < 0.
CREATE TABLE responses (
  seq         INTEGER PRIMARY KEY,
  key         BLOB NOT NULL UNIQUE,
  series      INTEGER NOT NULL,
  day         INTEGER NOT NULL,
  flags       INTEGER NOT NULL,
  has_text    INTEGER NOT NULL,
  case_number TEXT,
  stage       TEXT,
  secret      BLOB,
  body        BLOB NOT NULL
);
-- Day first: the counting of today's buckets touches today's pages only.
CREATE INDEX responses_bucket ON responses(day, series);
CREATE INDEX responses_case ON responses(case_number, stage) WHERE case_number IS NOT NULL;
CREATE INDEX responses_text ON responses(series, seq) WHERE has_text = 1;

CREATE TABLE contacts (
  key        BLOB PRIMARY KEY,
  key_id     TEXT NOT NULL,
  sealed     BLOB NOT NULL,
  phone_hash BLOB
) WITHOUT ROWID;

CREATE TABLE visits (
  survey      TEXT NOT NULL,
  case_number TEXT NOT NULL,
  stage       TEXT NOT NULL,
  window      TEXT NOT NULL,
  item        TEXT NOT NULL,
  finished    INTEGER NOT NULL,
  day         INTEGER NOT NULL,
  secret      BLOB,
  PRIMARY KEY (survey, case_number, stage)
) WITHOUT ROWID;
CREATE INDEX visits_bucket ON visits(survey, window, day);

-- gen comes from a sequence that never repeats: a mark that was taken away and
-- made again must not look like the old one to a slow counter.
CREATE TABLE mark_sequence (gen INTEGER NOT NULL);
INSERT INTO mark_sequence VALUES (0);
CREATE TABLE marks (
  step   INTEGER NOT NULL,
  survey TEXT NOT NULL,
  span   INTEGER NOT NULL,
  place  TEXT NOT NULL,
  kind   TEXT NOT NULL,
  gen    INTEGER NOT NULL,
  PRIMARY KEY (step, survey, span, place)
) WITHOUT ROWID;

CREATE TABLE tallies (
  survey TEXT NOT NULL,
  kind   TEXT NOT NULL,
  span   INTEGER NOT NULL,
  place  TEXT NOT NULL,
  tally  BLOB NOT NULL,
  PRIMARY KEY (survey, kind, span, place)
) WITHOUT ROWID;
CREATE TABLE rolled (at INTEGER NOT NULL);
INSERT INTO rolled VALUES (0);

CREATE TABLE users (
  name     TEXT PRIMARY KEY,
  role     TEXT NOT NULL,
  place    TEXT NOT NULL,
  password TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE tokens (
  hash    BLOB PRIMARY KEY,
  name    TEXT NOT NULL,
  role    TEXT NOT NULL,
  place   TEXT NOT NULL,
  created INTEGER NOT NULL,
  revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE sessions (
  hash    BLOB PRIMARY KEY,
  user    TEXT NOT NULL,
  expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE failures (
  name TEXT NOT NULL,
  at   INTEGER NOT NULL
);
CREATE INDEX failures_name ON failures(name, at);

CREATE TABLE leases (
  job    TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE runs (
  no       INTEGER PRIMARY KEY,
  job      TEXT NOT NULL,
  started  INTEGER NOT NULL,
  finished INTEGER NOT NULL,
  done     INTEGER NOT NULL,
  error    TEXT NOT NULL
);
CREATE INDEX runs_job ON runs(job, no);
