-- How many changes a note stands for: whoever has read it before knows by this whether there was another one since.

ALTER TABLE inval_log ADD COLUMN changes INTEGER NOT NULL DEFAULT 1 CHECK (changes >= 1);
