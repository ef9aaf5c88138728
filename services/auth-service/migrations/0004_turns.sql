-- How many of a person's sessions are open is looked at on each sign-in, however many have ended.
CREATE INDEX sessions_open ON sessions (user_id, id) WHERE ended_at IS NULL;

-- How often everything that ended of late was to be told to Redis again, so that of many replicas that see it
-- come back one tells.
CREATE TABLE retold (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    times    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO retold (only_row, times) VALUES (1, 0);
