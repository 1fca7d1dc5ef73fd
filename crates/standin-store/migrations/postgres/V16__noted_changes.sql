-- How many changes a note stands for; see the migration of this number for SQLite.

ALTER TABLE inval_log ADD COLUMN changes bigint NOT NULL DEFAULT 1 CHECK (changes >= 1);
