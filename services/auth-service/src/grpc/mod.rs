//! gRPC: translation, and what a request is made of. Each method says who may call it.

mod admin;
mod caller;
mod convert;
mod gateway;
mod origin;
mod proofs;
mod security_events;
mod service;

use std::sync::Arc;

use rate_limits::{Asked, Limiter, Verdict};
use rpc::auth as api;
use service_kit::Problem;
use sql::Database;
use tokio::sync::Notify;
use tonic::Request;
use uuid::Uuid;

pub use self::gateway::GatewayCredential;
use crate::{
    accounts::{
        AccountDeletion, Attempts, Callers, Confirmation, EmailReturn, EndedAccess, Failures,
        MachineTokens, Origin, Parts, PasswordChange, PasswordReset, Profile, Refresh,
        SecondFactor, Sessions, SignIn, SignUp, admit_all,
    },
    copies::Copies,
    passwords::Passwords,
    store::Store,
    tokens::Tokens,
};

/// The service.
pub struct Accounts {
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
    /// The database, for its state.
    pub database: Database,
    /// Woken when a mail waits.
    pub mail_waits: Arc<Notify>,
    /// What the gateway shows.
    pub gateway: GatewayCredential,
    callers: Callers,
    sessions: Sessions,
    sign_in: SignIn,
    refresh: Refresh,
    sign_up: SignUp,
    confirmation: Confirmation,
    password_change: PasswordChange,
    password_reset: PasswordReset,
    second_factor: SecondFactor,
    machine_tokens: MachineTokens,
    profile: Profile,
    email_return: EmailReturn,
    deletion: AccountDeletion,
    attempts: Attempts,
    failures: Failures,
}

impl Accounts {
    /// The service of these parts.
    pub fn new(parts: Parts, database: Database, gateway: GatewayCredential) -> Self {
        Self {
            callers: Callers::of(&parts),
            sessions: Sessions::of(&parts),
            sign_in: SignIn::of(&parts),
            refresh: Refresh::of(&parts),
            sign_up: SignUp::of(&parts),
            confirmation: Confirmation::of(&parts),
            password_change: PasswordChange::of(&parts),
            password_reset: PasswordReset::of(&parts),
            second_factor: SecondFactor::of(&parts),
            machine_tokens: MachineTokens::of(&parts),
            profile: Profile::of(&parts),
            email_return: EmailReturn::of(&parts),
            deletion: AccountDeletion::of(&parts),
            attempts: Attempts::of(&parts),
            failures: Failures::of(&parts),
            store: parts.store,
            passwords: parts.passwords,
            tokens: parts.tokens,
            copies: parts.copies,
            limiter: parts.limiter,
            mail_waits: parts.mail_waits,
            database,
            gateway,
        }
    }

    fn origin<T>(&self, request: &Request<T>, client: Option<api::Client>) -> Origin {
        origin::origin(request, client, &self.gateway)
    }

    /// Refuses when one of these limits is used up.
    async fn admit_all(&self, asked: &[Asked]) -> Result<Verdict, Problem> {
        admit_all(&self.limiter, asked).await
    }
}

/// What a change has ended, as a message.
fn ended_message(ids: &[Uuid], heard: bool) -> api::Ended {
    EndedAccess {
        ids: ids.to_vec(),
        heard,
    }
    .into()
}
