-- Who may spend a grant's refresh token now, and who may have spent it and never said so.

CREATE TABLE refresh_leases (
    grant_id     uuid    NOT NULL PRIMARY KEY,
    attempt_id   uuid    NOT NULL,
    generation   bigint  NOT NULL CHECK (generation >= 0),
    unresolved   bigint  NOT NULL CHECK (unresolved >= 0),
    is_reclaimed boolean NOT NULL,
    deadline     bigint  NOT NULL
);

CREATE INDEX refresh_leases_by_deadline ON refresh_leases (deadline);
