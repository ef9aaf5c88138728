//! gRPC: translation only. Each method says who may call it.

mod caller;
mod convert;
mod gateway;
mod origin;
mod service;

use std::sync::Arc;

use rpc::auth::Client;
use sql::Database;
use tonic::Request;

pub use self::gateway::GatewayCredential;
use crate::{
    accounts::{Accounts, Origin},
    tokens::Tokens,
};

/// The service.
pub struct AuthMethods {
    /// What its methods do.
    pub accounts: Accounts,
    /// Access tokens, for their keys.
    pub tokens: Arc<Tokens>,
    /// The database, for its state.
    pub database: Database,
    /// What the gateway shows.
    pub gateway: GatewayCredential,
}

impl AuthMethods {
    fn origin<T>(&self, request: &Request<T>, client: Option<Client>) -> Origin {
        origin::origin(request, client, &self.gateway)
    }
}
