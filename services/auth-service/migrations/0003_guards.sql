-- The successors that are kept of a refresh family: the unused ones of the token that was used last, and
-- of each token before it the one that was used.
ALTER TABLE sessions RENAME COLUMN refresh_used TO refresh_made;
-- When a token that was repeated after its grace was last an event.
ALTER TABLE sessions ADD COLUMN refresh_repeated_at INTEGER NOT NULL DEFAULT 0;

-- A new address that is not proven yet; the other one counts until it is.
ALTER TABLE users ADD COLUMN pending_email TEXT;
ALTER TABLE users ADD COLUMN pending_until INTEGER NOT NULL DEFAULT 0;

-- What brings an address back that was proven, with the second factor of the moment when another one
-- was asked for. Meanwhile nobody else gets the address.
CREATE TABLE email_undos (
    id             BLOB PRIMARY KEY,
    user_id        BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email          TEXT NOT NULL,
    -- 1 once the new address counts.
    counts         INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    totp_secret    BLOB,
    -- SHA-256 of each, one after the other.
    recovery_codes BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX email_undos_of_user ON email_undos (user_id);
CREATE INDEX email_undos_of_email ON email_undos (email);

-- Codes that were tried for a sign-in that waits for its second step.
ALTER TABLE challenges ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
-- What the first step took from the limits and gets back with the second: nothing, `unknown`, or the
-- network whose spare permit it was.
ALTER TABLE challenges ADD COLUMN lent TEXT NOT NULL DEFAULT '';
-- 1 once the second step was passed on the device.
ALTER TABLE devices ADD COLUMN second_step INTEGER NOT NULL DEFAULT 0;
-- When the person was last written to because somebody had the password and no code.
ALTER TABLE users ADD COLUMN password_known_at INTEGER NOT NULL DEFAULT 0;

-- Failed sign-ins that no event has counted yet, by the SHA-256 of the address, hexadecimal, and the network.
CREATE TABLE sign_in_failures (
    account     BLOB NOT NULL,
    network     TEXT NOT NULL,
    -- Null for an address that nobody has.
    user_id     BLOB,
    agent       TEXT NOT NULL,
    address     TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    waiting     INTEGER NOT NULL,
    PRIMARY KEY (account, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_in_failures_recorded ON sign_in_failures (recorded_at);
