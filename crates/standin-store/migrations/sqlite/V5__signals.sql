-- What providers tell us behind the browser's back, and what it takes to know whom they mean.

-- A refresh token is named by its hash or by how it begins. Both are kept hashed once more.
ALTER TABLE grants ADD COLUMN token_hash BLOB CHECK (token_hash IS NULL OR length(token_hash) = 32);
ALTER TABLE grants ADD COLUMN token_prefix BLOB CHECK (token_prefix IS NULL OR length(token_prefix) = 32);
ALTER TABLE grants ADD COLUMN token_given_at INTEGER;
CREATE INDEX grants_by_token_hash ON grants (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX grants_by_token_prefix ON grants (token_prefix) WHERE token_prefix IS NOT NULL;

-- The provider's own session that a session came from: the hash of its issuer and `sid`.
ALTER TABLE sessions ADD COLUMN provider_session BLOB
    CHECK (provider_session IS NULL OR length(provider_session) = 32);
CREATE INDEX sessions_by_provider_session ON sessions (provider_session) WHERE provider_session IS NOT NULL;

-- Whether the provider has disabled the account, and how new that news is.
ALTER TABLE identities ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1));
ALTER TABLE identities ADD COLUMN standing_as_of INTEGER;
