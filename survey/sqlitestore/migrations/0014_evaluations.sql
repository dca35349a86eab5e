-- Versions of instruments. Rows are only ever added.
CREATE TABLE instruments (
  id      TEXT NOT NULL,
  version INTEGER NOT NULL,
  doc     TEXT NOT NULL, -- JSON
  PRIMARY KEY (id, version)
) WITHOUT ROWID;

-- Who judges which bureaus.
CREATE TABLE assignments (
  survey    TEXT NOT NULL,
  evaluator TEXT NOT NULL,
  bureaus   TEXT NOT NULL, -- JSON
  PRIMARY KEY (survey, evaluator)
) WITHOUT ROWID;

-- What evaluators did. Rows are only ever added.
CREATE TABLE evaluations (
  survey    TEXT NOT NULL,
  bureau    TEXT NOT NULL,
  evaluator TEXT NOT NULL,
  no        INTEGER NOT NULL,
  doc       TEXT NOT NULL, -- JSON
  PRIMARY KEY (survey, bureau, evaluator, no)
) WITHOUT ROWID;
