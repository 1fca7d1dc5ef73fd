-- Who may spend a grant's refresh token now, and who may have spent it and never said so.
--
-- No reference to the grant: whoever deletes one leaves the lease to the sweeper, which finds nothing and ends it.

CREATE TABLE refresh_leases (
    grant_id     BLOB    NOT NULL PRIMARY KEY CHECK (length(grant_id) = 16),
    attempt_id   BLOB    NOT NULL CHECK (length(attempt_id) = 16),
    generation   INTEGER NOT NULL CHECK (generation >= 0),
    unresolved   INTEGER NOT NULL CHECK (unresolved >= 0),
    is_reclaimed INTEGER NOT NULL CHECK (is_reclaimed IN (0, 1)),
    deadline     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_leases_by_deadline ON refresh_leases (deadline);
