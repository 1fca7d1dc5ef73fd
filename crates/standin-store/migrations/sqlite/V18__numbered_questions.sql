-- The number of the newest question that may have been asked of the provider under a lease, and of the newest before its
-- holder came: later ones are higher, and 0 is none. Whoever has a lease now may have asked.
ALTER TABLE refresh_leases ADD COLUMN question INTEGER NOT NULL DEFAULT 1 CHECK (question >= 0);
ALTER TABLE refresh_leases ADD COLUMN question_before INTEGER NOT NULL DEFAULT 1 CHECK (question_before >= 0);
