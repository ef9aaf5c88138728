//! What happens to accounts, in order: a use case each. What comes in and goes out is of the domain's own
//! types, and neither of gRPC nor of HTTP: `grpc/` translates.

mod administration;
mod attempts;
mod callers;
mod codes;
mod confirmation;
mod deletion;
mod email_proof;
mod email_return;
mod ended_access;
mod failures;
mod limits;
mod listing;
mod machine_tokens;
mod origin;
mod password_change;
mod password_reset;
mod place;
mod profile;
mod refresh;
mod registration;
mod second_factor;
mod security_events;
mod session_tokens;
mod sessions;
mod sign_in;

use std::sync::Arc;

use rate_limits::Limiter;
use service_kit::config::{self, Registration};
use tokio::sync::Notify;

pub use self::{
    administration::Administration,
    callers::{Caller, Callers, forbidden},
    confirmation::{Confirmation, PasswordAndCode},
    deletion::AccountDeletion,
    email_proof::{EmailProof, LetterAnswer, ProvenEmail},
    email_return::EmailReturn,
    ended_access::EndedAccess,
    limits::LimitedAnswer,
    listing::Listing,
    machine_tokens::{MachineTokens, MadeToken},
    origin::Origin,
    password_change::{ChosenPassword, PasswordChange},
    password_reset::{PasswordReset, ResetAccount, ResetLetter},
    profile::{Profile, ProfileChange},
    refresh::Refresh,
    registration::{AccountRequest, SignUp},
    second_factor::{AppSecret, SecondFactor},
    security_events::SecurityEvents,
    session_tokens::SessionTokens,
    sessions::Sessions,
    sign_in::{Challenge, Credentials, Outcome, SecondStep, SignIn},
};
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
