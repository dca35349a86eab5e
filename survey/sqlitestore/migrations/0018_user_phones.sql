-- Where reminders go: the phone of somebody who signs in, encrypted with a key.
ALTER TABLE users ADD COLUMN phone_key TEXT;
ALTER TABLE users ADD COLUMN phone BLOB;
