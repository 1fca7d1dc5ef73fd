-- When the database was put back from a backup: what providers have given since that backup is not in it. PostgreSQL has
-- had this table since its migration V1002, and keeps in it which servers there were, too.
CREATE TABLE timelines (
    timeline TEXT    NOT NULL PRIMARY KEY,
    seen_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
