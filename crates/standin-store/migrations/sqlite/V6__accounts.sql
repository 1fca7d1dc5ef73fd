-- Several accounts of one user: what tells them apart, and which of them a session came from.

-- What the provider said last; for people, and for finding somebody by it. It decides nothing.
ALTER TABLE identities ADD COLUMN email TEXT;
UPDATE identities SET email = (SELECT email FROM users WHERE users.id = identities.user_id)
    WHERE (SELECT count(*) FROM identities AS theirs WHERE theirs.user_id = identities.user_id) = 1;
CREATE INDEX identities_by_email ON identities (email COLLATE NOCASE) WHERE email IS NOT NULL;

-- SHA-256 of the identity that signed in, and a name of the browser for its user: `Firefox on Windows`.
ALTER TABLE sessions ADD COLUMN opened_by BLOB CHECK (opened_by IS NULL OR length(opened_by) = 32);
ALTER TABLE sessions ADD COLUMN device TEXT;
