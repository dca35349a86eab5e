-- The cases that wait for a calendar, the first deadline first: few among many.
CREATE INDEX cases_waiting ON cases(survey, next, key, path) WHERE pending = 1;
