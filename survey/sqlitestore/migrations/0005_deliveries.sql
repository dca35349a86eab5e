-- What is owed to somebody outside. at is when it is tried next, or when it ended.
CREATE TABLE deliveries (
  key     TEXT PRIMARY KEY,
  channel TEXT NOT NULL,
  body    BLOB NOT NULL,
  made    INTEGER NOT NULL,
  state   TEXT NOT NULL,
  at      INTEGER NOT NULL,
  claim   INTEGER NOT NULL,
  result  TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries(channel, state, at, key);
