-- How often in a row the provider has refused the refresh token (an active grant with refusals is a suspect one), and
-- when it is to be refreshed although nobody asks. An ordinary refresh changes neither, but for the day: what is indexed
-- stays, and the row can be rewritten in its page.
ALTER TABLE grants ADD COLUMN refusals bigint NOT NULL DEFAULT 0 CHECK (refusals >= 0);
ALTER TABLE grants ADD COLUMN due_at bigint;

CREATE INDEX grants_suspect ON grants (id) WHERE refusals > 0 AND state = 'active';
CREATE INDEX grants_due ON grants (provider, due_at) WHERE due_at IS NOT NULL;
