-- Ids of the keys a node holds, the one it seals with first, with spaces between them.
ALTER TABLE nodes ADD COLUMN keys TEXT NOT NULL DEFAULT '';
