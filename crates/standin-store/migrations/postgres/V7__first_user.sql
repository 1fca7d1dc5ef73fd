-- Who was made while there was nobody else. There is one place, and whoever has it takes it along.

CREATE TABLE first_user (
    place   bigint NOT NULL PRIMARY KEY CHECK (place = 1),
    user_id uuid   NOT NULL
);

INSERT INTO first_user (place, user_id) SELECT 1, id FROM users ORDER BY created_at, id LIMIT 1;
