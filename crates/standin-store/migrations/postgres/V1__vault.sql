-- The tables of Standin in PostgreSQL: the same as in SQLite, in PostgreSQL's types.
--
-- Ids are UUIDs, instants are milliseconds since 1970, texts are compared byte by byte. There is nothing here that
-- a server spread over several machines could not do: no sequence, no trigger, no reference from one table to
-- another. What such references do in SQLite the statements do here: whoever writes rows that hang on a user or a
-- grant holds that row's lock, and whoever deletes it takes the lock first.

CREATE TABLE users (
    id             uuid    NOT NULL PRIMARY KEY,
    email          text    COLLATE "C",
    email_verified boolean NOT NULL,
    name           text    COLLATE "C",
    picture        text    COLLATE "C",
    hosted_domain  text    COLLATE "C",
    created_at     bigint  NOT NULL
);

CREATE TABLE identities (
    subject  text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    issuer   text COLLATE "C" NOT NULL,
    user_id  uuid NOT NULL,
    PRIMARY KEY (provider, subject, issuer)
);

CREATE INDEX identities_of_user ON identities (user_id);

CREATE TABLE grants (
    id                 uuid   NOT NULL PRIMARY KEY,
    user_id            uuid   NOT NULL,
    provider           text   COLLATE "C" NOT NULL,
    issuer             text   COLLATE "C" NOT NULL,
    subject            text   COLLATE "C" NOT NULL,
    provider_client    text   COLLATE "C" NOT NULL,
    token_endpoint     text   COLLATE "C" NOT NULL,
    scopes             text   COLLATE "C" NOT NULL,
    requested          text   COLLATE "C" NOT NULL,
    state              text   COLLATE "C" NOT NULL CHECK (state IN ('active', 'reauth', 'revoked')),
    reason             text   COLLATE "C" CHECK (reason IN ('expired_idle', 'revoked', 'rotation_lost',
                                                            'scope_removed', 'unknown')),
    version            bigint NOT NULL CHECK (version >= 1),
    generation         bigint NOT NULL CHECK (generation >= 0),
    sealed_access      bytea,
    sealed_refresh     bytea,
    access_expires_at  bigint NOT NULL,
    refresh_expires_at bigint,
    created_at         bigint NOT NULL,
    updated_at         bigint NOT NULL,
    UNIQUE (provider, subject, issuer)
);

CREATE INDEX grants_of_user ON grants (user_id, provider);

CREATE TABLE sessions (
    id           uuid   NOT NULL,
    hash         bytea  NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
    user_id      uuid   NOT NULL,
    created_at   bigint NOT NULL,
    expires_at   bigint NOT NULL,
    last_seen_at bigint NOT NULL
);

CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE attempts (
    id         uuid   NOT NULL PRIMARY KEY,
    provider   text   COLLATE "C" NOT NULL,
    status     text   COLLATE "C" NOT NULL CHECK (status IN ('pending', 'done', 'failed')),
    code       text   COLLATE "C",
    expires_at bigint NOT NULL
);

CREATE INDEX attempts_by_end ON attempts (expires_at);

CREATE TABLE clients (
    id         uuid   NOT NULL PRIMARY KEY,
    name       text   COLLATE "C" NOT NULL,
    key_sha256 bytea  NOT NULL UNIQUE CHECK (octet_length(key_sha256) = 32),
    policy     text   COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint
);

-- Kinds are not listed here: there will be more of them.
CREATE TABLE events (
    sequence   bigint NOT NULL PRIMARY KEY,
    at         bigint NOT NULL,
    kind       text   COLLATE "C" NOT NULL CHECK (kind <> ''),
    user_id    uuid,
    grant_id   uuid,
    client_id  uuid,
    attempt_id uuid,
    detail     text   COLLATE "C",
    count      bigint NOT NULL CHECK (count >= 0)
);

CREATE TABLE data_keys (
    id         bigint NOT NULL PRIMARY KEY CHECK (id BETWEEN 0 AND 4294967295),
    wrapped_by text   COLLATE "C" NOT NULL,
    wrapped    bytea  NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE revocations (
    grant_id     uuid   NOT NULL,
    queued_at    bigint NOT NULL,
    provider     text   COLLATE "C" NOT NULL,
    sealed_token bytea  NOT NULL,
    retry_at     bigint NOT NULL,
    attempts     bigint NOT NULL CHECK (attempts >= 0),
    PRIMARY KEY (queued_at, grant_id)
);
