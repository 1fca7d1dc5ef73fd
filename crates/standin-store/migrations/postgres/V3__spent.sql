-- Tokens that are good for one use, by hash, until they are worthless anyway.

CREATE TABLE spent (
    sha256   bytea  NOT NULL CHECK (octet_length(sha256) = 32),
    kind     text   COLLATE "C" NOT NULL CHECK (kind <> ''),
    until_ms bigint NOT NULL,
    PRIMARY KEY (sha256, kind)
);

CREATE INDEX spent_by_end ON spent (until_ms);
