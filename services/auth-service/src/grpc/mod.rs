//! gRPC: translation, and what a request is made of. Each method says who may call it.

mod caller;
mod convert;
mod gateway;
mod origin;
mod service;

use std::sync::Arc;

use rpc::auth as api;
use sql::Database;
use tonic::Request;

pub use self::gateway::GatewayCredential;
use crate::{
    accounts::{
        AccountDeletion, Administration, Callers, Confirmation, EmailProof, EmailReturn,
        MachineTokens, Origin, Parts, PasswordChange, PasswordReset, Profile, Refresh,
        SecondFactor, SecurityEvents, Sessions, SignIn, SignUp,
    },
    tokens::Tokens,
};

/// The service.
pub struct Accounts {
    /// Access tokens.
    pub tokens: Arc<Tokens>,
    /// The database, for its state.
    pub database: Database,
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
    email_proof: EmailProof,
    email_return: EmailReturn,
    deletion: AccountDeletion,
    security_events: SecurityEvents,
    administration: Administration,
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
            email_proof: EmailProof::of(&parts),
            email_return: EmailReturn::of(&parts),
            deletion: AccountDeletion::of(&parts),
            security_events: SecurityEvents::of(&parts),
            administration: Administration::of(&parts),
            tokens: parts.tokens,
            database,
            gateway,
        }
    }

    fn origin<T>(&self, request: &Request<T>, client: Option<api::Client>) -> Origin {
        origin::origin(request, client, &self.gateway)
    }
}
