-- What the processes on one database tell each other: what nobody may go on believing, and who is there to hear it.

-- By the second in which the change began. Kinds are not listed here: there will be more of them, and SQLite cannot
-- change a CHECK.
CREATE TABLE inval_log (
    bucket_s INTEGER NOT NULL,
    kind     TEXT    NOT NULL CHECK (kind <> ''),
    id       BLOB    NOT NULL CHECK (length(id) = 16),
    PRIMARY KEY (bucket_s, kind, id)
) STRICT, WITHOUT ROWID;

-- A handful of numbers that grow.
CREATE TABLE epochs (
    name  TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    epoch INTEGER NOT NULL CHECK (epoch >= 1)
) STRICT, WITHOUT ROWID;

-- Processes: when each was last heard of, and which roll call it has heard.
CREATE TABLE nodes (
    id        BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    seen_at_s INTEGER NOT NULL,
    heard     INTEGER NOT NULL CHECK (heard >= 0)
) STRICT, WITHOUT ROWID;
