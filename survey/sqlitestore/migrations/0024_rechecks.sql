-- Interviews that are drawn to be called back, by the key of the response, and what was
-- done about them: entries as JSON, only ever added. There are few, so that a survey's
-- are found without an index.
CREATE TABLE rechecks (
  key    BLOB PRIMARY KEY,
  survey TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE recheck_entries (
  key BLOB NOT NULL,
  no  INTEGER NOT NULL,
  doc TEXT NOT NULL,
  PRIMARY KEY (key, no)
) WITHOUT ROWID;
