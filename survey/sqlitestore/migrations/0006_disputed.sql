-- The responses whose case and stage other responses of the survey name too. Only
-- for these must a reader find out which one counts.
CREATE TABLE disputed (seq INTEGER PRIMARY KEY);
INSERT INTO disputed
SELECT r.seq FROM responses r JOIN series s ON s.no = r.series
WHERE r.case_number IS NOT NULL AND EXISTS (SELECT 1 FROM responses o JOIN series os ON os.no = o.series
  WHERE o.case_number = r.case_number AND o.stage = r.stage AND o.seq <> r.seq AND os.survey = s.survey);
