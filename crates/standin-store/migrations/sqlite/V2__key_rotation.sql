-- Rotating data keys. Which key seals is the one that was activated last, so that making another the active
-- one is a write of one row; the rest of a key's life is said by times, too. A key that is removed leaves its
-- row behind, empty, so that its number is never given to another.

ALTER TABLE data_keys ADD COLUMN version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1);
ALTER TABLE data_keys ADD COLUMN activated_at INTEGER;
ALTER TABLE data_keys ADD COLUMN retired_at INTEGER;
ALTER TABLE data_keys ADD COLUMN removed_at INTEGER CHECK (removed_at IS NULL OR retired_at IS NOT NULL);

-- Until now the newest key sealed.
UPDATE data_keys SET activated_at = created_at WHERE id = (SELECT max(id) FROM data_keys);
