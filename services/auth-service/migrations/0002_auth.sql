-- Locks and failures from before this moment are void: an admin unlocked the account, or its owner
-- set a new password.
ALTER TABLE users ADD COLUMN unlocked_at INTEGER NOT NULL DEFAULT 0;
-- The secret of the second factor, sealed; null when there is none.
ALTER TABLE users ADD COLUMN totp_secret BLOB;
-- One that waits for its first code.
ALTER TABLE users ADD COLUMN totp_pending BLOB;
-- The last time step whose code was taken; none is taken twice.
ALTER TABLE users ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;
-- An account that was deleted has no name and no password any more; its row goes once Redis has heard
-- that its sessions have ended.
ALTER TABLE users ADD COLUMN deleted_at INTEGER;

CREATE INDEX users_deleted ON users (deleted_at) WHERE deleted_at IS NOT NULL;

-- When its person last gave their password.
ALTER TABLE sessions ADD COLUMN authenticated_at INTEGER NOT NULL DEFAULT 0;
-- The refresh family: SHA-256 of its constant part and of the newest token; JSON of those used of late.
ALTER TABLE sessions ADD COLUMN family_sha256 BLOB;
ALTER TABLE sessions ADD COLUMN refresh_sha256 BLOB;
ALTER TABLE sessions ADD COLUMN refresh_used TEXT NOT NULL DEFAULT '[]';

CREATE UNIQUE INDEX sessions_family ON sessions (family_sha256);
CREATE INDEX sessions_created ON sessions (created_at);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
DROP INDEX sessions_expired;

-- Devices that an account was signed in to from, by SHA-256 of the device's secret.
CREATE TABLE devices (
    sha256       BLOB NOT NULL,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (sha256, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX devices_of_user ON devices (user_id);
CREATE INDEX devices_used ON devices (last_used_at);

CREATE TABLE recovery_codes (
    sha256  BLOB NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, sha256)
) STRICT, WITHOUT ROWID;

-- Sign-ins that wait for their second step.
CREATE TABLE challenges (
    sha256     BLOB PRIMARY KEY,
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX challenges_of_user ON challenges (user_id);

CREATE TABLE machine_tokens (
    id           BLOB PRIMARY KEY,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    -- JSON array of texts.
    scopes       TEXT NOT NULL,
    sha256       BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    -- A day, `2026-01-31`; empty: never.
    expires_on   TEXT NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER,
    version      INTEGER NOT NULL,
    unheard      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX machine_tokens_of_user ON machine_tokens (user_id);
CREATE INDEX machine_tokens_unheard ON machine_tokens (id) WHERE unheard = 1;

-- What is sent in the links of mails, by SHA-256.
CREATE TABLE mail_tokens (
    sha256     BLOB PRIMARY KEY,
    -- password_reset, verify_email, confirm_account
    purpose    TEXT NOT NULL,
    -- The account, or the one that waits for confirmation.
    subject_id BLOB NOT NULL,
    email      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX mail_tokens_of_subject ON mail_tokens (subject_id, purpose);
CREATE INDEX mail_tokens_expired ON mail_tokens (expires_at);

-- Mails that wait to be sent. What goes into their links is made when they are sent.
CREATE TABLE mails (
    id          BLOB PRIMARY KEY,
    kind        TEXT NOT NULL,
    email       TEXT NOT NULL,
    -- The account that waits for confirmation, where one does.
    subject_id  BLOB,
    handle      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    next_try_at INTEGER NOT NULL,
    tries       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX mails_due ON mails (next_try_at);

-- Accounts whose address has to be proven before they are made.
CREATE TABLE pending_accounts (
    id            BLOB PRIMARY KEY,
    email         TEXT NOT NULL,
    handle        TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pending_accounts_expired ON pending_accounts (expires_at);

-- What happened to accounts, under positions that grow in commit order.
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    type     TEXT NOT NULL,
    time     INTEGER NOT NULL,
    -- Null for an address that nobody has.
    user_id  BLOB,
    -- CloudEvent, JSON.
    event    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX events_of_user ON events (user_id, position);
CREATE INDEX events_of_type ON events (type, position);

-- The last position; whoever records an event holds this row until the commit.
CREATE TABLE event_head (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO event_head (only_row, position) VALUES (1, 0);

-- Public keys of access tokens. Each private key stays with the process that signs with it.
CREATE TABLE signing_keys (
    kid        TEXT PRIMARY KEY,
    public_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    -- When it was last seen to be in use by its process.
    seen_at    INTEGER NOT NULL,
    -- 1 once its process has a newer one.
    retired    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Secrets that all replicas share, and the moment the signing keys were last asked to be changed.
CREATE TABLE shared (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
