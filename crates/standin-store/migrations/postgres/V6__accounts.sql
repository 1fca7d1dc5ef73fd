-- Several accounts of one user: what tells them apart, and which of them a session came from.

ALTER TABLE identities ADD COLUMN email text COLLATE "C";
-- In this collation `lower` knows the letters of ASCII and leaves all others alone.
CREATE INDEX identities_by_email ON identities (lower(email)) WHERE email IS NOT NULL;

ALTER TABLE sessions ADD COLUMN opened_by bytea CHECK (opened_by IS NULL OR octet_length(opened_by) = 32);
ALTER TABLE sessions ADD COLUMN device text COLLATE "C";
