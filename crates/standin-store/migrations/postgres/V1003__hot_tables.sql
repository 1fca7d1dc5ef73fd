-- How PostgreSQL stores what is written most: room in each page for the next version of its rows, so that a refresh
-- touches no index; and a vacuum that comes after a fixed share of changes, or number of them, and not after a fifth of a
-- large table. It is PostgreSQL's own: nothing of this changes what a statement means.

-- Written again at each refresh. Not in partitions: every unique key of a partitioned table must contain the key that
-- it is divided by, and one grant for each identity is a promise that no key with a grant's id in it can keep.
ALTER TABLE grants SET (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE sessions SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- Rows that come and go. Not in partitions either: a lease lives for seconds, so the table is a few pages, and whoever
-- looks for overdue ones would look in sixteen.
ALTER TABLE refresh_leases SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE attempts SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE event_inbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE write_intents SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE inval_log SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- A handful of rows that are always written.
ALTER TABLE event_counter SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE nodes SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- The table with the most rows, several for each grant, whose only key begins with the grant: in sixteen parts, of which
-- a vacuum can be at work on several, and a statement looks at one.
ALTER TABLE scope_ledger RENAME TO scope_ledger_whole;
CREATE TABLE scope_ledger (
    grant_id     uuid NOT NULL,
    scope        text COLLATE "C" NOT NULL CHECK (scope <> ''),
    requested_at bigint,
    granted_at   bigint,
    refused_at   bigint,
    removed_at   bigint,
    source       text COLLATE "C" NOT NULL CHECK (source <> '')
) PARTITION BY HASH (grant_id);
CREATE TABLE scope_ledger_00 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 0);
CREATE TABLE scope_ledger_01 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 1);
CREATE TABLE scope_ledger_02 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 2);
CREATE TABLE scope_ledger_03 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 3);
CREATE TABLE scope_ledger_04 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 4);
CREATE TABLE scope_ledger_05 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 5);
CREATE TABLE scope_ledger_06 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 6);
CREATE TABLE scope_ledger_07 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 7);
CREATE TABLE scope_ledger_08 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 8);
CREATE TABLE scope_ledger_09 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 9);
CREATE TABLE scope_ledger_10 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 10);
CREATE TABLE scope_ledger_11 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 11);
CREATE TABLE scope_ledger_12 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 12);
CREATE TABLE scope_ledger_13 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 13);
CREATE TABLE scope_ledger_14 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 14);
CREATE TABLE scope_ledger_15 PARTITION OF scope_ledger FOR VALUES WITH (MODULUS 16, REMAINDER 15);
INSERT INTO scope_ledger (grant_id, scope, requested_at, granted_at, refused_at, removed_at, source)
    SELECT grant_id, scope, requested_at, granted_at, refused_at, removed_at, source FROM scope_ledger_whole;
DROP TABLE scope_ledger_whole;
ALTER TABLE scope_ledger ADD PRIMARY KEY (grant_id, scope);
