-- Text messages that came in, and what became of them. Phone and text are encrypted.
CREATE TABLE inbound (
  id         TEXT PRIMARY KEY, -- the gateway's
  key_id     TEXT NOT NULL,
  sealed     BLOB, -- NULL once erased
  phone_hash BLOB,
  text_key   TEXT NOT NULL,
  text       BLOB,
  at         INTEGER NOT NULL,
  fate       TEXT NOT NULL,
  due        INTEGER NOT NULL, -- 0: done with
  invitation TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX inbound_due ON inbound(due, at, id) WHERE due > 0;
CREATE INDEX inbound_phone ON inbound(phone_hash, at, id);
CREATE INDEX inbound_at ON inbound(at, id);
