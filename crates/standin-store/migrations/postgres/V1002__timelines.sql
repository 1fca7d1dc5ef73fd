-- The timelines that the server has been seen on, and since when: 0 for the first one. A new one says that a standby
-- has taken over, which may not have the newest commits.
CREATE TABLE timelines (
    timeline text   COLLATE "C" NOT NULL PRIMARY KEY,
    seen_at  bigint NOT NULL
);
