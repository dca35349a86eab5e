-- Text messages. A row whose lane is null has ended; at is when to look at the others.
CREATE TABLE messages (
  id       TEXT PRIMARY KEY,
  survey   TEXT NOT NULL,
  kind     TEXT NOT NULL,
  state    TEXT NOT NULL,
  reason   TEXT NOT NULL,
  answered INTEGER NOT NULL, -- 0 or 1
  lane     TEXT,
  at       INTEGER NOT NULL,
  made     INTEGER NOT NULL,
  phone    BLOB, -- keyed hash
  key_id   TEXT NOT NULL,
  sealed   BLOB,
  body     TEXT NOT NULL -- all else, as JSON
);
CREATE INDEX messages_due ON messages(lane, at, id) WHERE lane IS NOT NULL;
CREATE INDEX messages_phone ON messages(phone, made, id) WHERE kind = 'invitation';
CREATE INDEX messages_count ON messages(survey, kind, state, reason, answered);

-- Phones that want no more messages.
CREATE TABLE opt_outs (
  phone  BLOB PRIMARY KEY, -- keyed hash
  key_id TEXT NOT NULL,
  sealed BLOB,
  at     INTEGER NOT NULL,
  source TEXT NOT NULL
) WITHOUT ROWID;
