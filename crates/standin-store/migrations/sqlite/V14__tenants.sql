-- Whose tokens a data key seals. Keys from before, and those without, seal for everybody who has no tenant.

ALTER TABLE data_keys ADD COLUMN tenant TEXT CHECK (tenant <> '');
