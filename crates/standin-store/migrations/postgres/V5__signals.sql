-- What providers tell us behind the browser's back, and what it takes to know whom they mean.

ALTER TABLE grants ADD COLUMN token_hash bytea CHECK (token_hash IS NULL OR octet_length(token_hash) = 32);
ALTER TABLE grants ADD COLUMN token_prefix bytea CHECK (token_prefix IS NULL OR octet_length(token_prefix) = 32);
ALTER TABLE grants ADD COLUMN token_given_at bigint;
CREATE INDEX grants_by_token_hash ON grants (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX grants_by_token_prefix ON grants (token_prefix) WHERE token_prefix IS NOT NULL;

ALTER TABLE sessions ADD COLUMN provider_session bytea
    CHECK (provider_session IS NULL OR octet_length(provider_session) = 32);
CREATE INDEX sessions_by_provider_session ON sessions (provider_session) WHERE provider_session IS NOT NULL;

ALTER TABLE identities ADD COLUMN suspended boolean NOT NULL DEFAULT false;
ALTER TABLE identities ADD COLUMN standing_as_of bigint;
