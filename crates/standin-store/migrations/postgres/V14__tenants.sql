-- Whose tokens a data key seals; see the migration of this number for SQLite.

ALTER TABLE data_keys ADD COLUMN tenant text CHECK (tenant <> '');
