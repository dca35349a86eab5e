-- What the rules of data quality found at a bureau's windows on a day.
CREATE TABLE quality (
  day    INTEGER NOT NULL,
  bureau TEXT NOT NULL,
  survey TEXT NOT NULL,
  doc    TEXT NOT NULL, -- JSON
  PRIMARY KEY (day, bureau, survey)
) WITHOUT ROWID;
