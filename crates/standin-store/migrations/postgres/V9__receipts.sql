-- What was done and checked in attempts. Each is a few kilobytes of JSON.

CREATE TABLE receipts (
    attempt_id  uuid    NOT NULL PRIMARY KEY,
    provider    text    COLLATE "C" NOT NULL,
    kind        text    COLLATE "C" NOT NULL CHECK (kind <> ''),
    code        text    COLLATE "C",
    offline     text    COLLATE "C",
    user_id     uuid,
    is_new_user boolean NOT NULL,
    begun_at    bigint  NOT NULL,
    ended_at    bigint  NOT NULL,
    steps       text    COLLATE "C" NOT NULL
);

CREATE INDEX receipts_by_end ON receipts (kind, ended_at);
CREATE INDEX receipts_of_user ON receipts (user_id) WHERE user_id IS NOT NULL;
