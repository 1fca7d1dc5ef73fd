-- What tells whether a data key was unwrapped to the key that was made; see the migration of this number for SQLite.

ALTER TABLE data_keys ADD COLUMN key_check bytea CHECK (key_check IS NULL OR octet_length(key_check) = 16);
