-- The tables of Standin in SQLite.
--
-- Ids are the 16 bytes of a UUIDv7, instants are milliseconds since 1970. A table is WITHOUT ROWID where its
-- rows are small and found by their key; grants carry kilobytes of ciphertext, which such a table would put
-- into its inner pages, too. Nothing that a refresh changes is indexed.

-- "Stnd": how a file says that it is ours.
PRAGMA application_id = 1400139364;

CREATE TABLE users (
    id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email          TEXT,
    email_verified INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    name           TEXT,
    picture        TEXT,
    hosted_domain  TEXT,
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE identities (
    subject  TEXT NOT NULL,
    provider TEXT NOT NULL,
    issuer   TEXT NOT NULL,
    user_id  BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (provider, subject, issuer)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_of_user ON identities (user_id);

CREATE TABLE grants (
    id                 BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    user_id            BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider           TEXT    NOT NULL,
    issuer             TEXT    NOT NULL,
    subject            TEXT    NOT NULL,
    provider_client    TEXT    NOT NULL,
    token_endpoint     TEXT    NOT NULL,
    scopes             TEXT    NOT NULL,
    requested          TEXT    NOT NULL,
    state              TEXT    NOT NULL CHECK (state IN ('active', 'reauth', 'revoked')),
    reason             TEXT             CHECK (reason IN ('expired_idle', 'revoked', 'rotation_lost',
                                                          'scope_removed', 'unknown')),
    version            INTEGER NOT NULL CHECK (version >= 1),
    generation         INTEGER NOT NULL CHECK (generation >= 0),
    sealed_access      BLOB,
    sealed_refresh     BLOB,
    access_expires_at  INTEGER NOT NULL,
    refresh_expires_at INTEGER,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    UNIQUE (provider, subject, issuer)
) STRICT;

CREATE INDEX grants_of_user ON grants (user_id, provider);

CREATE TABLE sessions (
    id           BLOB    NOT NULL CHECK (length(id) = 16),
    hash         BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_id      BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE attempts (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    provider   TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('pending', 'done', 'failed')),
    code       TEXT,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_by_end ON attempts (expires_at);

CREATE TABLE clients (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name       TEXT    NOT NULL,
    key_sha256 BLOB    NOT NULL UNIQUE CHECK (length(key_sha256) = 32),
    policy     TEXT    NOT NULL CHECK (json_valid(policy)),
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a number that a reader has seen is never given to another event.
-- Kinds are not listed here: there will be more of them, and SQLite cannot change a CHECK.
CREATE TABLE events (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind <> ''),
    user_id    BLOB    CHECK (length(user_id) = 16),
    grant_id   BLOB    CHECK (length(grant_id) = 16),
    client_id  BLOB    CHECK (length(client_id) = 16),
    attempt_id BLOB    CHECK (length(attempt_id) = 16),
    detail     TEXT,
    count      INTEGER NOT NULL CHECK (count >= 0)
) STRICT;

CREATE TABLE data_keys (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id BETWEEN 0 AND 4294967295),
    wrapped_by TEXT    NOT NULL,
    wrapped    BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- No reference to the grant: the token of a user who was deleted must be revoked all the same.
CREATE TABLE revocations (
    grant_id     BLOB    NOT NULL CHECK (length(grant_id) = 16),
    queued_at    INTEGER NOT NULL,
    provider     TEXT    NOT NULL,
    sealed_token BLOB    NOT NULL,
    retry_at     INTEGER NOT NULL,
    attempts     INTEGER NOT NULL CHECK (attempts >= 0),
    PRIMARY KEY (queued_at, grant_id)
) STRICT, WITHOUT ROWID;
