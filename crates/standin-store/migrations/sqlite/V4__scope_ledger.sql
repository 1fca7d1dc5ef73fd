-- What of each grant was asked for, given, kept back and lost, and when: one row per scope, in the spelling in
-- which it was first met. It goes with its grant.

CREATE TABLE scope_ledger (
    grant_id     BLOB NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    scope        TEXT NOT NULL CHECK (scope <> ''),
    requested_at INTEGER,
    granted_at   INTEGER,
    refused_at   INTEGER,
    removed_at   INTEGER,
    source       TEXT NOT NULL CHECK (source <> ''),
    PRIMARY KEY (grant_id, scope)
) STRICT, WITHOUT ROWID;

-- Until now a grant held two lists. Each is taken apart at its spaces; when a scope was given is not known
-- better than when the grant was last written.
WITH RECURSIVE
    listed (grant_id, at, is_granted, scope, rest) AS (
        SELECT id, updated_at, 1, '', scopes || ' ' FROM grants
        UNION ALL
        SELECT id, updated_at, 0, '', requested || ' ' FROM grants
        UNION ALL
        SELECT grant_id, at, is_granted, substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1)
        FROM listed WHERE rest <> ''
    ),
    -- Google asks and answers in two spellings: what was asked in one and given in the other is one scope.
    spelled (grant_id, at, is_granted, scope) AS (
        SELECT grant_id, at, is_granted, CASE scope
            WHEN 'https://www.googleapis.com/auth/userinfo.email' THEN 'email'
            WHEN 'https://www.googleapis.com/auth/userinfo.profile' THEN 'profile'
            ELSE scope END
        FROM listed WHERE scope <> ''
    )
INSERT INTO scope_ledger (grant_id, scope, requested_at, granted_at, refused_at, source)
SELECT grant_id, scope,
    CASE WHEN min(is_granted) = 0 THEN at END,
    CASE WHEN max(is_granted) = 1 THEN at END,
    CASE WHEN max(is_granted) = 0 THEN at END,
    'earlier'
FROM spelled GROUP BY grant_id, scope;
