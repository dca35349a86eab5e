-- The append-only logs. hashes is the leaf's own hash and those of the subtrees it
-- completes, 32 bytes each. Rows are only ever added.
CREATE TABLE log_leaves (
  log    TEXT NOT NULL,
  n      INTEGER NOT NULL, -- from 0
  hash   BLOB NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (log, n)
) WITHOUT ROWID;
CREATE UNIQUE INDEX log_leaves_hash ON log_leaves(log, hash);

-- What opens data leaves. n is the leaf's index, or null while it waits.
CREATE TABLE log_openings (
  kind   TEXT NOT NULL,
  ref    BLOB NOT NULL,
  family TEXT NOT NULL, -- what it may be appended together with
  hash   BLOB NOT NULL,
  n      INTEGER,
  fields BLOB NOT NULL,
  PRIMARY KEY (kind, ref)
) WITHOUT ROWID;
CREATE UNIQUE INDEX log_openings_n ON log_openings(n) WHERE n IS NOT NULL;
CREATE INDEX log_openings_waiting ON log_openings(family, hash) WHERE n IS NULL;

CREATE TABLE log_checkpoints (
  no   INTEGER PRIMARY KEY,
  at   INTEGER NOT NULL,
  note BLOB NOT NULL
);

-- Up to this seq every response's receipt is in its log.
CREATE TABLE log_sweep (seq INTEGER NOT NULL);
INSERT INTO log_sweep VALUES (0);
