//! What the use cases are made of.

use std::sync::Arc;

use rate_limits::Limiter;
use service_kit::config::{self, Registration};
use tokio::sync::Notify;

use crate::{copies::Copies, passwords::Passwords, store::Store, tokens::Tokens};

/// What the use cases are made of.
pub struct Parts {
    /// Accounts, sessions and tokens.
    pub store: Store,
    /// Hashes.
    pub passwords: Passwords,
    /// Access tokens.
    pub tokens: Arc<Tokens>,
    /// Hot copies.
    pub copies: Copies,
    /// Limits and locks.
    pub limiter: Limiter,
    /// Woken when a mail waits.
    pub mail_waits: Arc<Notify>,
    /// Who may make an account.
    pub registration: Registration,
    /// The lives of sessions.
    pub session: config::Session,
    /// Seals the secrets of second factors.
    pub seal_key: [u8; 32],
    /// Keys the hashes of wrong passwords.
    pub failures_key: [u8; 32],
}
