-- How often requests from one network have failed lately, counted by all processes together.

CREATE TABLE failed_requests (
    network  bytea  NOT NULL PRIMARY KEY CHECK (octet_length(network) = 16),
    requests bigint NOT NULL CHECK (requests >= 0),
    until_ms bigint NOT NULL
);

CREATE INDEX failed_requests_by_end ON failed_requests (until_ms);
