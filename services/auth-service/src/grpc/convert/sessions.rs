//! Sessions as messages, and what a sign-in leads to.

use redis_contracts::{
    Timestamp,
    keys::{Scope, SessionRecord},
};
use rpc::auth as api;
use uuid::Uuid;

use crate::{
    accounts::{Caller, Challenge, Outcome, SessionTokens},
    store::{MachineRow, SessionRow},
};

impl From<Outcome> for api::LoginResponse {
    fn from(outcome: Outcome) -> Self {
        use api::login_response::Outcome as Message;
        let outcome = match outcome {
            Outcome::SignedIn(tokens) => Message::SignedIn((*tokens).into()),
            Outcome::SecondFactor(challenge) => Message::SecondFactor(challenge.into()),
        };
        Self {
            outcome: Some(outcome),
        }
    }
}

impl From<Challenge> for api::Challenge {
    fn from(challenge: Challenge) -> Self {
        Self {
            challenge: challenge.secret,
            expires_in: challenge.expires_in_s,
        }
    }
}

impl From<SessionTokens> for api::CompleteSecondFactorResponse {
    fn from(tokens: SessionTokens) -> Self {
        Self {
            signed_in: Some(tokens.into()),
        }
    }
}

impl From<SessionTokens> for api::SignedIn {
    fn from(tokens: SessionTokens) -> Self {
        Self {
            access_token: tokens.access.text,
            expires_in: u32::try_from(tokens.access.expires_in_s).unwrap_or(u32::MAX),
            refresh_token: tokens.refresh.text(),
            session: Some(tokens.session.into()),
            device: tokens.device,
        }
    }
}

impl From<SessionRow> for api::Session {
    fn from(row: SessionRow) -> Self {
        session(row.id, row.record())
    }
}

impl From<MachineRow> for api::Session {
    fn from(row: MachineRow) -> Self {
        session(row.id, row.record())
    }
}

impl From<Caller> for api::Session {
    fn from(caller: Caller) -> Self {
        match caller {
            Caller::Person(row) => row.into(),
            Caller::Machine(row) => row.into(),
        }
    }
}

fn session(id: Uuid, record: SessionRecord) -> api::Session {
    let time = |moment: Timestamp| Some(rpc::timestamp(moment));
    api::Session {
        id: id.to_string(),
        user: Some(record.user.into()),
        created_at: time(record.created_at),
        expires_at: time(record.expires_at),
        last_seen: time(record.last_seen),
        agent: record.agent,
        address: record.address,
        version: record.version,
        machine: record.machine.map(|machine| api::MachineAccess {
            sha256: machine.sha256,
            scopes: scope_names(&machine.scopes),
        }),
    }
}

/// Scopes by their names.
pub fn scope_names(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(|scope| scope.name().to_owned()).collect()
}
