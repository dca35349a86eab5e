-- Who may be invited to rate, and who was.
ALTER TABLE visits ADD COLUMN phone BLOB; -- keyed hash
ALTER TABLE visits ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE visits ADD COLUMN sealed BLOB;
ALTER TABLE visits ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE visits ADD COLUMN invited BLOB;
CREATE INDEX visits_uninvited ON visits(survey, finished) WHERE phone IS NOT NULL AND invited IS NULL;

CREATE TABLE campaigns (
  survey TEXT PRIMARY KEY,
  body   TEXT NOT NULL -- as JSON
) WITHOUT ROWID;
