-- The body of a response that was keyed in from paper holds the sheet, which earlier
-- versions of the program cannot read: byte 3 has 8 set, and after the version of the
-- questionnaire come
--
--   varint   number of the sheet
--   varint   day written on it, a span
--   uvarint  length of the name of who keyed it in, and the name
SELECT 1;
