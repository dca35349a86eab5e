-- What people decided about deliveries that were given up, as JSON; empty for nothing.
ALTER TABLE deliveries ADD COLUMN decisions TEXT NOT NULL DEFAULT '';
