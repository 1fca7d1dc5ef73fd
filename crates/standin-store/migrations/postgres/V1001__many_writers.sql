-- What only PostgreSQL needs, where many connections write at once. Numbers from 1001 on are its own; those below
-- are shared with SQLite.

-- One row per transaction that writes, put in by that transaction: it is there exactly if the transaction was
-- committed. Whoever lost the connection during a COMMIT asks by putting in the same row as a fence, after which
-- the transaction can no longer be committed if it was not.
CREATE TABLE write_intents (
    id       uuid    NOT NULL PRIMARY KEY,
    is_fence boolean NOT NULL
);

-- Events as they are written, not numbered yet. A number drawn while writing would become visible in the order of
-- commits and not of numbers, and a reader would pass over the late one; so whoever reads numbers first what is
-- committed, under the lock of the counter.
CREATE TABLE event_inbox (
    appended_us bigint NOT NULL,
    intent      uuid   NOT NULL,
    position    bigint NOT NULL,
    at          bigint NOT NULL,
    kind        text   COLLATE "C" NOT NULL CHECK (kind <> ''),
    user_id     uuid,
    grant_id    uuid,
    client_id   uuid,
    attempt_id  uuid,
    detail      text   COLLATE "C",
    count       bigint NOT NULL CHECK (count >= 0),
    PRIMARY KEY (appended_us, intent, position)
);

-- A number that a reader has seen is never given to another event, also when events are deleted one day.
CREATE TABLE event_counter (
    id   bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    last bigint NOT NULL CHECK (last >= 0)
);

INSERT INTO event_counter (id, last) VALUES (1, 0);
