-- How often requests from one network have failed lately, counted by all processes together.

CREATE TABLE failed_requests (
    network  BLOB    NOT NULL PRIMARY KEY CHECK (length(network) = 16),
    requests INTEGER NOT NULL CHECK (requests >= 0),
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX failed_requests_by_end ON failed_requests (until_ms);
