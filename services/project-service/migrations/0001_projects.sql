CREATE TABLE projects (
    id          BLOB PRIMARY KEY,
    owner_id    BLOB NOT NULL,
    key         TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    status      TEXT NOT NULL,
    -- The number of the next task: KEY-<number>.
    next_number INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (owner_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
    id            BLOB PRIMARY KEY,
    project_id    BLOB NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL,
    title         TEXT NOT NULL,
    description   TEXT NOT NULL,
    -- Place of the status on the board: 0 todo, 1 in_progress, 2 in_review, 3 done.
    status        INTEGER NOT NULL,
    -- JSON array of texts.
    labels        TEXT NOT NULL,
    due_on        TEXT,
    position      TEXT NOT NULL,
    author_id     BLOB,
    author_name   TEXT NOT NULL,
    external_ref  TEXT,
    -- Source and id in the archive it was imported from.
    import_key    TEXT,
    comment_count INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    completed_at  INTEGER,
    UNIQUE (project_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX tasks_board ON tasks (project_id, status, position, id);
CREATE UNIQUE INDEX tasks_imported ON tasks (project_id, import_key) WHERE import_key IS NOT NULL;

CREATE TABLE comments (
    id           BLOB PRIMARY KEY,
    task_id      BLOB NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    author_id    BLOB,
    author_name  TEXT NOT NULL,
    body         TEXT NOT NULL,
    external_ref TEXT,
    -- Place among the comments of its issue in the archive it was imported from.
    import_place INTEGER,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX comments_newest ON comments (task_id, created_at, id);
CREATE UNIQUE INDEX comments_imported ON comments (task_id, import_place) WHERE import_place IS NOT NULL;

-- The history. Rows are never changed or deleted: the stream is refilled and deep replay is served from here.
CREATE TABLE events (
    -- Unix milliseconds * 2^20 + sequence, so that order is commit order.
    position   INTEGER PRIMARY KEY,
    project_id BLOB NOT NULL,
    type       TEXT NOT NULL,
    time       INTEGER NOT NULL,
    -- CloudEvent, JSON.
    event      TEXT NOT NULL
) STRICT;

CREATE INDEX events_of_project ON events (project_id, position);

-- First answers to creating requests, for 24 hours.
CREATE TABLE idempotency (
    user_id      BLOB NOT NULL,
    key_hash     BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    answer       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (user_id, key_hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_oldest ON idempotency (created_at);
