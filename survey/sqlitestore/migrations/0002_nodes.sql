-- fence grows whenever a lease is given anew. A lease that was given back stays,
-- held by nobody, so that its fence goes on growing.
ALTER TABLE leases ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rolled ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;

-- gen is that of the mark the tally was counted at.
ALTER TABLE tallies ADD COLUMN gen INTEGER NOT NULL DEFAULT 0;

CREATE TABLE pins (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE nodes (
  name      TEXT PRIMARY KEY,
  seen      INTEGER NOT NULL,
  version   TEXT NOT NULL,
  waiting   INTEGER NOT NULL,
  set_aside INTEGER NOT NULL,
  oldest    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE hits (
  minute INTEGER NOT NULL,
  node   TEXT NOT NULL,
  source TEXT NOT NULL,
  n      INTEGER NOT NULL,
  PRIMARY KEY (minute, node, source)
) WITHOUT ROWID;
