-- What was done and checked in attempts. Each is a few kilobytes of JSON, so the table keeps its rowids, as grants
-- do. Kinds are not listed here: SQLite cannot change a CHECK.

CREATE TABLE receipts (
    attempt_id  BLOB    NOT NULL UNIQUE CHECK (length(attempt_id) = 16),
    provider    TEXT    NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind <> ''),
    code        TEXT,
    offline     TEXT,
    user_id     BLOB    REFERENCES users (id) ON DELETE CASCADE,
    is_new_user INTEGER NOT NULL CHECK (is_new_user IN (0, 1)),
    begun_at    INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    steps       TEXT    NOT NULL CHECK (json_valid(steps))
) STRICT;

CREATE INDEX receipts_by_end ON receipts (kind, ended_at);
CREATE INDEX receipts_of_user ON receipts (user_id) WHERE user_id IS NOT NULL;
