-- A case is a bad response and what is done about it. It is added with the
-- response, n = 0, and everything after n follows from its entries.
CREATE TABLE cases (
  seq         INTEGER PRIMARY KEY, -- of the response
  key         BLOB NOT NULL UNIQUE,
  survey      TEXT NOT NULL,
  bureau      TEXT NOT NULL,
  path        TEXT NOT NULL,
  day         INTEGER NOT NULL,
  case_number TEXT,
  n           INTEGER NOT NULL DEFAULT 0, -- how many entries there are
  state       TEXT NOT NULL DEFAULT 'owed',
  next        INTEGER NOT NULL DEFAULT 0,
  pending     INTEGER NOT NULL DEFAULT 0,
  marks       INTEGER NOT NULL DEFAULT 0,
  follow      BLOB UNIQUE
);
-- For lists, the first deadline first. The columns after key are filtered by.
CREATE INDEX cases_next ON cases(survey, next, key, state, marks, path);
CREATE INDEX cases_bureau ON cases(survey, bureau, next, key, state, marks, path);
CREATE INDEX cases_owed ON cases(seq) WHERE n = 0;
CREATE INDEX cases_pending ON cases(seq) WHERE pending = 1;
CREATE INDEX cases_number ON cases(case_number) WHERE case_number IS NOT NULL;

-- Rows are only ever added.
CREATE TABLE entries (
  seq INTEGER NOT NULL,
  no  INTEGER NOT NULL,
  doc TEXT NOT NULL, -- JSON
  PRIMARY KEY (seq, no)
) WITHOUT ROWID;

-- What the rates of a survey came to on a day. Rows are only ever added: a count
-- that comes out differently later gets the next number.
CREATE TABLE case_sheets (
  survey TEXT NOT NULL,
  as_of  INTEGER NOT NULL,
  no     INTEGER NOT NULL,
  made   INTEGER NOT NULL,
  doc    TEXT NOT NULL, -- JSON
  PRIMARY KEY (survey, as_of, no)
) WITHOUT ROWID;

-- Days that differ from the week, beside those shipped with the program.
CREATE TABLE calendar (
  day  INTEGER PRIMARY KEY,
  work INTEGER NOT NULL,
  name TEXT NOT NULL
);

-- Attachments, by the SHA-256 of their content.
CREATE TABLE files (
  hash BLOB PRIMARY KEY,
  data BLOB NOT NULL
) WITHOUT ROWID;

-- Byte 3 of a response's body: 1 if the row has a case_number or a secret, plus 2
-- if the citizen asked to stay unnamed.
INSERT INTO cases(seq, key, survey, bureau, path, day, case_number)
SELECT r.seq, r.key, s.survey,
  substr(s.window, 1, instr(s.window, '-') + instr(substr(s.window, instr(s.window, '-') + 1), '-') - 1),
  s.path, r.day, r.case_number
FROM responses r JOIN series s ON s.no = r.series
WHERE hex(substr(r.body, 1, 1)) IN ('04', '05');

UPDATE surveys SET doc = json_set(doc, '$.rules.deadlines', json('{"contact":1,"rectify":10,"callback":5}'))
WHERE json_extract(doc, '$.rules.deadlines') IS NULL;
