-- Rotating data keys; see the migration of this number for SQLite. No database of this kind is older.

ALTER TABLE data_keys ADD COLUMN version bigint NOT NULL DEFAULT 1 CHECK (version >= 1);
ALTER TABLE data_keys ADD COLUMN activated_at bigint;
ALTER TABLE data_keys ADD COLUMN retired_at bigint;
ALTER TABLE data_keys ADD COLUMN removed_at bigint CHECK (removed_at IS NULL OR retired_at IS NOT NULL);
