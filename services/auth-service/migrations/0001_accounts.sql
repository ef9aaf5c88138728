CREATE TABLE users (
    id             BLOB PRIMARY KEY,
    -- As it is compared: lower case.
    email          TEXT NOT NULL UNIQUE,
    handle         TEXT NOT NULL UNIQUE,
    -- Argon2id, PHC string format.
    password_hash  TEXT NOT NULL,
    -- JSON array of texts.
    roles          TEXT NOT NULL,
    email_verified INTEGER NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id         BLOB PRIMARY KEY,
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    ended_at   INTEGER,
    agent      TEXT NOT NULL,
    address    TEXT NOT NULL,
    -- Grows with each change, so that an older copy never replaces a newer one in Redis.
    version    INTEGER NOT NULL,
    -- 1 until Redis has heard of the last change.
    unheard    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_unheard ON sessions (id) WHERE unheard = 1;
CREATE INDEX sessions_expired ON sessions (expires_at);
