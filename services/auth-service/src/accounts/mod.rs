//! What happens to accounts, in order: a file or folder for each use case, and for what they share. What comes
//! in and goes out is of the service's own types, and neither of gRPC nor of HTTP: `grpc/` translates.

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
mod parts;
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

use self::{
    administration::Administration, callers::Callers, confirmation::Confirmation,
    deletion::AccountDeletion, email_proof::EmailProof, email_return::EmailReturn,
    machine_tokens::MachineTokens, password_change::PasswordChange, password_reset::PasswordReset,
    profile::Profile, refresh::Refresh, registration::SignUp, second_factor::SecondFactor,
    security_events::SecurityEvents, sessions::Sessions, sign_in::SignIn,
};
pub use self::{
    callers::{Caller, forbidden},
    confirmation::PasswordAndCode,
    email_proof::{LetterAnswer, ProvenEmail},
    ended_access::EndedAccess,
    limits::LimitedAnswer,
    listing::Listing,
    machine_tokens::MadeToken,
    origin::Origin,
    parts::Parts,
    password_change::ChosenPassword,
    password_reset::{ResetAccount, ResetLetter},
    profile::ProfileChange,
    registration::AccountRequest,
    second_factor::AppSecret,
    session_tokens::SessionTokens,
    sign_in::{Challenge, Credentials, Outcome, SecondStep},
};

/// The use cases, each with what it needs.
pub struct Accounts {
    /// Who calls.
    pub callers: Callers,
    /// Sessions that go on and end.
    pub sessions: Sessions,
    /// Sessions that begin.
    pub sign_in: SignIn,
    /// The next tokens.
    pub refresh: Refresh,
    /// New accounts.
    pub sign_up: SignUp,
    /// The password, given again.
    pub confirmation: Confirmation,
    /// A password in the place of a known one.
    pub password_change: PasswordChange,
    /// A password by mail.
    pub password_reset: PasswordReset,
    /// Second factors.
    pub second_factor: SecondFactor,
    /// Machine tokens.
    pub machine_tokens: MachineTokens,
    /// Handles and addresses.
    pub profile: Profile,
    /// Addresses that are proven.
    pub email_proof: EmailProof,
    /// Addresses that come back.
    pub email_return: EmailReturn,
    /// Accounts that end.
    pub deletion: AccountDeletion,
    /// What happened.
    pub security_events: SecurityEvents,
    /// What admins do.
    pub administration: Administration,
}

impl Accounts {
    /// Of these parts.
    pub fn new(parts: &Parts) -> Self {
        Self {
            callers: Callers::of(parts),
            sessions: Sessions::of(parts),
            sign_in: SignIn::of(parts),
            refresh: Refresh::of(parts),
            sign_up: SignUp::of(parts),
            confirmation: Confirmation::of(parts),
            password_change: PasswordChange::of(parts),
            password_reset: PasswordReset::of(parts),
            second_factor: SecondFactor::of(parts),
            machine_tokens: MachineTokens::of(parts),
            profile: Profile::of(parts),
            email_proof: EmailProof::of(parts),
            email_return: EmailReturn::of(parts),
            deletion: AccountDeletion::of(parts),
            security_events: SecurityEvents::of(parts),
            administration: Administration::of(parts),
        }
    }
}
