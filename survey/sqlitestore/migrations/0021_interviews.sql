-- The body of a response given in an interview holds how, which earlier versions of the
-- program cannot read: byte 3 has 16 set, and after the sheet of paper, if there is one,
-- come
--
--   uvarint  length of the mode, and the mode: street or phone
--   uvarint  length of the name of who asked, and the name
SELECT 1;
