-- With n in it, which is null, the index alone answers what waits without its fields:
-- they lie all over the log.
DROP INDEX log_openings_waiting;
CREATE INDEX log_openings_waiting ON log_openings(family, hash, n) WHERE n IS NULL;
