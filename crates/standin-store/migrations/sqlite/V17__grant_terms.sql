-- What many grants have in common is kept once: our registration, where refresh tokens go, what was asked for and what
-- was given. A row of this table is never changed, and stays when its last grant has gone: there are as many as there are
-- answers to a consent screen.
--
-- Its number is made from what it says, by whoever writes it (`Terms`); those that are made here are counted from 1. Two
-- rows that say the same do no harm.
CREATE TABLE grant_terms (
    terms           INTEGER NOT NULL PRIMARY KEY,
    provider_client TEXT    NOT NULL,
    token_endpoint  TEXT    NOT NULL,
    scopes          TEXT    NOT NULL,
    requested       TEXT    NOT NULL
) STRICT;

INSERT INTO grant_terms (terms, provider_client, token_endpoint, scopes, requested)
SELECT row_number() OVER (), provider_client, token_endpoint, scopes, requested
FROM (SELECT DISTINCT provider_client, token_endpoint, scopes, requested FROM grants);

-- The traces of a refresh token are half as long: 128 bits of SHA-256.
--
-- A new table, so that the rows stand together as closely as they can, in the order of before. Nobody minds that the old
-- one goes: whoever migrates has foreign keys off.
CREATE TABLE grants_anew (
    id                 BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    user_id            BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider           TEXT    NOT NULL,
    issuer             TEXT    NOT NULL,
    subject            TEXT    NOT NULL,
    terms              INTEGER NOT NULL REFERENCES grant_terms (terms),
    state              TEXT    NOT NULL CHECK (state IN ('active', 'reauth', 'revoked')),
    reason             TEXT             CHECK (reason IN ('expired_idle', 'revoked', 'rotation_lost',
                                                          'scope_removed', 'unknown')),
    version            INTEGER NOT NULL CHECK (version >= 1),
    generation         INTEGER NOT NULL CHECK (generation >= 0),
    refusals           INTEGER NOT NULL DEFAULT 0 CHECK (refusals >= 0),
    due_at             INTEGER,
    sealed_access      BLOB,
    sealed_refresh     BLOB,
    access_expires_at  INTEGER NOT NULL,
    refresh_expires_at INTEGER,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    token_hash         BLOB CHECK (token_hash IS NULL OR length(token_hash) = 16),
    token_prefix       BLOB CHECK (token_prefix IS NULL OR length(token_prefix) = 16),
    token_given_at     INTEGER,
    UNIQUE (provider, subject, issuer)
) STRICT;

-- CROSS: each grant looks for its terms, and not the other way round.
INSERT INTO grants_anew (id, user_id, provider, issuer, subject, terms, state, reason, version, generation, refusals,
    due_at, sealed_access, sealed_refresh, access_expires_at, refresh_expires_at, created_at, updated_at,
    token_hash, token_prefix, token_given_at)
SELECT id, user_id, provider, issuer, subject, terms, state, reason, version, generation, refusals,
    due_at, sealed_access, sealed_refresh, access_expires_at, refresh_expires_at, created_at, updated_at,
    substr(token_hash, 1, 16), substr(token_prefix, 1, 16), token_given_at
FROM grants CROSS JOIN grant_terms USING (provider_client, token_endpoint, scopes, requested)
ORDER BY grants.rowid;

DROP TABLE grants;
ALTER TABLE grants_anew RENAME TO grants;

CREATE INDEX grants_of_user ON grants (user_id, provider);
CREATE INDEX grants_by_token_hash ON grants (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX grants_by_token_prefix ON grants (token_prefix) WHERE token_prefix IS NOT NULL;
CREATE INDEX grants_not_active ON grants (state) WHERE state <> 'active';
CREATE INDEX grants_suspect ON grants (id) WHERE refusals > 0 AND state = 'active';
CREATE INDEX grants_due ON grants (provider, due_at) WHERE due_at IS NOT NULL;
