-- What of each grant was asked for, given, kept back and lost, and when. No database of this kind has grants that
-- are older than this.

CREATE TABLE scope_ledger (
    grant_id     uuid NOT NULL,
    scope        text COLLATE "C" NOT NULL CHECK (scope <> ''),
    requested_at bigint,
    granted_at   bigint,
    refused_at   bigint,
    removed_at   bigint,
    source       text COLLATE "C" NOT NULL CHECK (source <> ''),
    PRIMARY KEY (grant_id, scope)
);
