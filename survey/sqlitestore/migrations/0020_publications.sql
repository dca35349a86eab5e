-- Publications. head is the publication as JSON without the bodies of its documents.
-- Rows are only ever added. source is empty for those made here.
CREATE TABLE publications (
  source  TEXT NOT NULL,
  survey  TEXT NOT NULL,
  period  TEXT NOT NULL,
  no      INTEGER NOT NULL,
  head    TEXT NOT NULL,
  public  BLOB,
  auditor BLOB
);
CREATE UNIQUE INDEX publications_id ON publications(source, survey, period, no);
