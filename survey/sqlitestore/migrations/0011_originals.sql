-- What was typed where a comment has a number hidden, encrypted.
CREATE TABLE originals (
  key    BLOB PRIMARY KEY, -- of the response
  key_id TEXT NOT NULL,
  sealed BLOB NOT NULL
) WITHOUT ROWID;

-- Entries that carry what was typed where their note has a number hidden. In JSON, no
-- text can hold this row of letters: its quotation marks would be escaped.
CREATE INDEX entries_sealed ON entries(seq, no) WHERE instr(doc, '"original":{') > 0;
