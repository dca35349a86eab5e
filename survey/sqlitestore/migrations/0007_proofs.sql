-- The response of a receipt, if it left a contact.
ALTER TABLE contacts ADD COLUMN follow BLOB;
CREATE INDEX contacts_follow ON contacts(follow) WHERE follow IS NOT NULL;

-- Codes by which citizens prove their phones. What is proved stays.
CREATE TABLE proofs (
  key     BLOB PRIMARY KEY, -- of the response
  code    BLOB NOT NULL, -- keyed hash
  expires INTEGER NOT NULL,
  wrong   INTEGER NOT NULL DEFAULT 0,
  proved  INTEGER NOT NULL DEFAULT 0,
  owed    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX proofs_owed ON proofs(key) WHERE owed = 1;

-- Messages that went out, for the limits; the name is a keyed hash.
CREATE TABLE sends (
  name TEXT NOT NULL,
  at   INTEGER NOT NULL
);
CREATE INDEX sends_name ON sends(name, at);
CREATE INDEX sends_at ON sends(at);
