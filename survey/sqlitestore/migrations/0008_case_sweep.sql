-- A case gets its row with its first entries, no longer with its response; up to this
-- seq no response owes one. Found by key it is through its response.
CREATE TABLE case_sweep (seq INTEGER NOT NULL);
INSERT INTO case_sweep SELECT coalesce((SELECT min(seq) - 1 FROM cases WHERE n = 0), (SELECT max(seq) FROM responses), 0);

DROP INDEX cases_next;
DROP INDEX cases_bureau;
DROP INDEX cases_owed;
DROP INDEX cases_pending;
DROP INDEX cases_number;
DROP INDEX cases_waiting;
ALTER TABLE cases RENAME TO old_cases;
CREATE TABLE cases (
  seq         INTEGER PRIMARY KEY, -- of the response
  key         BLOB NOT NULL,
  survey      TEXT NOT NULL,
  bureau      TEXT NOT NULL,
  path        TEXT NOT NULL,
  day         INTEGER NOT NULL,
  case_number TEXT,
  n           INTEGER NOT NULL, -- how many entries there are
  state       TEXT NOT NULL,
  next        INTEGER NOT NULL,
  pending     INTEGER NOT NULL,
  marks       INTEGER NOT NULL,
  follow      BLOB UNIQUE
);
INSERT INTO cases SELECT seq, key, survey, bureau, path, day, case_number, n, state, next, pending, marks, follow
  FROM old_cases WHERE n > 0 ORDER BY seq;
DROP TABLE old_cases;

-- For lists, the first deadline first. The columns after key are filtered by.
CREATE INDEX cases_next ON cases(survey, next, key, state, marks, path);
CREATE INDEX cases_bureau ON cases(survey, bureau, next, key, state, marks, path);
CREATE INDEX cases_pending ON cases(seq) WHERE pending = 1;
CREATE INDEX cases_number ON cases(case_number) WHERE case_number IS NOT NULL;
CREATE INDEX cases_waiting ON cases(survey, next, key, path) WHERE pending = 1;
