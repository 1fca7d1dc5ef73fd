-- Tokens that are good for one use, by hash, until they are worthless anyway. Kinds are not listed here: there
-- will be more of them, and SQLite cannot change a CHECK.

CREATE TABLE spent (
    sha256   BLOB    NOT NULL CHECK (length(sha256) = 32),
    kind     TEXT    NOT NULL CHECK (kind <> ''),
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (sha256, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_by_end ON spent (until_ms);
