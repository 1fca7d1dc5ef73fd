-- What tells whether a data key was unwrapped to the key that was made. Keys from before have none.

ALTER TABLE data_keys ADD COLUMN key_check BLOB CHECK (key_check IS NULL OR length(key_check) = 16);
