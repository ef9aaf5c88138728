//! gRPC: translation, and what a request is made of. Each method says who may call it.

mod admin;
mod caller;
mod gateway;
mod machine_tokens;
mod me;
mod origin;
mod passwords;
mod proofs;
mod refresh;
mod registration;
mod second_factor;
mod security_events;
mod service;
mod sessions;
mod sign_in;

use std::sync::Arc;

use rate_limits::{Asked, Limiter, Verdict};
use redis_contracts::Timestamp;
use rpc::auth as api;
use service_kit::{
    Problem,
    config::{self, Registration},
};
use sql::Database;
use tokio::sync::Notify;
use tonic::Request;
use uuid::Uuid;

use self::caller::Caller;
pub use self::gateway::GatewayCredential;
use crate::{
    accounts::Origin,
    copies::Copies,
    passwords::Passwords,
    store::{MachineRow, SessionRow, Store},
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
    /// Who may make an account.
    pub registration: Registration,
    /// The lives of sessions.
    pub session: config::Session,
    /// What the gateway shows.
    pub gateway: GatewayCredential,
    /// Seals the secrets of second factors.
    pub seal_key: [u8; 32],
    /// Keys the hashes of wrong passwords.
    pub failures_key: [u8; 32],
}

impl Accounts {
    fn origin<T>(&self, request: &Request<T>, client: Option<api::Client>) -> Origin {
        origin::origin(request, client, &self.gateway)
    }

    /// Refuses when one of these limits is used up.
    async fn admit_all(&self, asked: &[Asked]) -> Result<Verdict, Problem> {
        let verdict = self.limiter.admit(None, asked, 1).await;
        match verdict.refusal() {
            Some(refusal) => Err(refusal),
            None => Ok(verdict),
        }
    }
}

/// A session as a message.
fn session_message(row: SessionRow) -> api::Session {
    let time = |moment: Timestamp| Some(rpc::timestamp(moment));
    api::Session {
        id: row.id.to_string(),
        user: Some(row.user.into()),
        created_at: time(row.created_at),
        expires_at: time(row.expires_at),
        last_seen: time(row.last_seen),
        agent: row.agent,
        address: row.address,
        version: row.version,
        machine: None,
    }
}

/// The use of a machine token as a message.
fn machine_message(row: &MachineRow) -> api::Session {
    let record = row.record();
    let time = |moment: Timestamp| Some(rpc::timestamp(moment));
    api::Session {
        id: row.id.to_string(),
        user: Some(record.user.into()),
        created_at: time(record.created_at),
        expires_at: time(record.expires_at),
        last_seen: time(record.last_seen),
        agent: record.agent,
        address: record.address,
        version: record.version,
        machine: record.machine.map(|machine| api::MachineAccess {
            sha256: machine.sha256,
            scopes: machine
                .scopes
                .iter()
                .map(|scope| scope.name().to_owned())
                .collect(),
        }),
    }
}

fn message_of(caller: Caller) -> api::Session {
    match caller {
        Caller::Person(row) => session_message(row),
        Caller::Machine(row) => machine_message(&row),
    }
}

/// What a change has ended, as a message.
fn ended_message(ids: &[Uuid], heard: bool) -> api::Ended {
    api::Ended {
        ids: ids.iter().map(Uuid::to_string).collect(),
        heard,
    }
}
