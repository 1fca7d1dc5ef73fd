-- Those whose time has come are found without passing over all that wait for theirs.
CREATE INDEX revocations_by_retry ON revocations (retry_at, queued_at, grant_id);
