-- no counts what lists said of the window and day of a visit, and logged is the no that
-- was noted for the data log last.
ALTER TABLE visits ADD COLUMN no INTEGER NOT NULL DEFAULT 1;
ALTER TABLE visits ADD COLUMN logged INTEGER NOT NULL DEFAULT 0;
CREATE INDEX visits_unlogged ON visits(survey, window, day) WHERE logged < no;
