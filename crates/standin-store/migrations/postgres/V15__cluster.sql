-- What the processes on one database tell each other: what nobody may go on believing, and who is there to hear it.

-- By the second in which the change began.
CREATE TABLE inval_log (
    bucket_s bigint NOT NULL,
    kind     text   COLLATE "C" NOT NULL CHECK (kind <> ''),
    id       uuid   NOT NULL,
    PRIMARY KEY (bucket_s, kind, id)
);

-- A handful of numbers that grow.
CREATE TABLE epochs (
    name  text   COLLATE "C" NOT NULL PRIMARY KEY CHECK (name <> ''),
    epoch bigint NOT NULL CHECK (epoch >= 1)
);

-- Processes: when each was last heard of, and which roll call it has heard.
CREATE TABLE nodes (
    id        uuid   NOT NULL PRIMARY KEY,
    seen_at_s bigint NOT NULL,
    heard     bigint NOT NULL CHECK (heard >= 0)
);
