-- What many grants have in common is kept once, and traces of refresh tokens are half as long; see the migration of this
-- number for SQLite.
CREATE TABLE grant_terms (
    terms           bigint NOT NULL PRIMARY KEY,
    provider_client text   COLLATE "C" NOT NULL,
    token_endpoint  text   COLLATE "C" NOT NULL,
    scopes          text   COLLATE "C" NOT NULL,
    requested       text   COLLATE "C" NOT NULL
);

-- A new table, so that the old rows take no room beside the new ones. Its keys have the names of before, so they wait
-- until those are free. From here on nobody else writes the old one: whatever is copied below sees all of it.
ALTER TABLE grants RENAME TO grants_before;

INSERT INTO grant_terms (terms, provider_client, token_endpoint, scopes, requested)
SELECT row_number() OVER (), provider_client, token_endpoint, scopes, requested
FROM (SELECT DISTINCT provider_client, token_endpoint, scopes, requested FROM grants_before) AS different;

CREATE TABLE grants (
    id                 uuid   NOT NULL,
    user_id            uuid   NOT NULL,
    provider           text   COLLATE "C" NOT NULL,
    issuer             text   COLLATE "C" NOT NULL,
    subject            text   COLLATE "C" NOT NULL,
    terms              bigint NOT NULL,
    state              text   COLLATE "C" NOT NULL CHECK (state IN ('active', 'reauth', 'revoked')),
    reason             text   COLLATE "C" CHECK (reason IN ('expired_idle', 'revoked', 'rotation_lost',
                                                            'scope_removed', 'unknown')),
    version            bigint NOT NULL CHECK (version >= 1),
    generation         bigint NOT NULL CHECK (generation >= 0),
    refusals           bigint NOT NULL DEFAULT 0 CHECK (refusals >= 0),
    due_at             bigint,
    sealed_access      bytea,
    sealed_refresh     bytea,
    access_expires_at  bigint NOT NULL,
    refresh_expires_at bigint,
    created_at         bigint NOT NULL,
    updated_at         bigint NOT NULL,
    token_hash         bytea CHECK (token_hash IS NULL OR octet_length(token_hash) = 16),
    token_prefix       bytea CHECK (token_prefix IS NULL OR octet_length(token_prefix) = 16),
    token_given_at     bigint
);

-- As in V1003, which a new database reaches only after this.
ALTER TABLE grants SET (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

INSERT INTO grants (id, user_id, provider, issuer, subject, terms, state, reason, version, generation, refusals,
    due_at, sealed_access, sealed_refresh, access_expires_at, refresh_expires_at, created_at, updated_at,
    token_hash, token_prefix, token_given_at)
SELECT id, user_id, provider, issuer, subject, terms, state, reason, version, generation, refusals,
    due_at, sealed_access, sealed_refresh, access_expires_at, refresh_expires_at, created_at, updated_at,
    substr(token_hash, 1, 16), substr(token_prefix, 1, 16), token_given_at
-- LEFT: a grant without terms is an error, and not left behind.
FROM grants_before LEFT JOIN grant_terms USING (provider_client, token_endpoint, scopes, requested);

DROP TABLE grants_before;

ALTER TABLE grants ADD PRIMARY KEY (id);
ALTER TABLE grants ADD UNIQUE (provider, subject, issuer);
CREATE INDEX grants_of_user ON grants (user_id, provider);
CREATE INDEX grants_by_token_hash ON grants (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX grants_by_token_prefix ON grants (token_prefix) WHERE token_prefix IS NOT NULL;
CREATE INDEX grants_not_active ON grants (state) WHERE state <> 'active';
CREATE INDEX grants_suspect ON grants (id) WHERE refusals > 0 AND state = 'active';
CREATE INDEX grants_due ON grants (provider, due_at) WHERE due_at IS NOT NULL;
