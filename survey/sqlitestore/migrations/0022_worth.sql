-- What a response is worth at the moment, as bits: finding it out anew for every
-- reader takes longer than reading the rest of the row.
--
--   1  a visit of its case and stage is listed
--   2  and the secret of the response proves it
--   4  and it was at another window
--   8  other responses of the survey name the case and stage too
ALTER TABLE responses ADD COLUMN worth INTEGER NOT NULL DEFAULT 0;
UPDATE responses SET worth = ifnull((
    SELECT 1 + 2 * ifnull(responses.secret IN (v.secret, v.invited), 0) + 4 * (v.window <> s.window)
    FROM series s JOIN visits v ON v.survey = s.survey
    WHERE s.no = responses.series AND v.case_number = responses.case_number AND v.stage = responses.stage), 0)
  WHERE case_number IS NOT NULL;
UPDATE responses SET worth = worth + 8 WHERE seq IN (SELECT seq FROM disputed);
DROP TABLE disputed;
