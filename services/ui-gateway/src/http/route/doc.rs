//! What the document says of a method.

use service_kit::Code;

use super::Access;
use crate::{contract::Declared, http::reply::ResponseDoc};

/// What the document says of a method.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct OperationDoc {
    pub(in crate::http) access: Access,
    /// The path of its handler.
    pub(super) handler: &'static str,
    /// One line.
    pub(in crate::http) summary: &'static str,
    pub(in crate::http) body: Option<BodyDoc>,
    /// The parameters of the URL.
    pub(in crate::http) query: Option<Declared>,
    /// Whether it takes `If-Match`.
    pub(in crate::http) if_match: bool,
    /// Whether it takes `Idempotency-Key`.
    pub(in crate::http) idempotency_key: bool,
    /// The answers when all goes well.
    pub(in crate::http) responses: fn() -> Vec<ResponseDoc>,
    /// What can go wrong beside what can with every route like it.
    pub(in crate::http) problems: &'static [Code],
    /// The gRPC methods that do the same: it lets in whom they all let in, which a test compares.
    pub(in crate::http) grpc: &'static [&'static str],
}

/// What the document says of a body.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct BodyDoc {
    /// The media types that are taken.
    pub(in crate::http) types: &'static [&'static str],
    /// Whether there has to be one.
    pub(in crate::http) required: bool,
    /// What it holds; `None`: JSON that the service behind reads.
    pub(in crate::http) declared: Option<Declared>,
}

impl OperationDoc {
    /// Its name, by where its handler is: `tasks.create`.
    pub(in crate::http) fn id(&self) -> String {
        let mut parts = self.handler.rsplit("::");
        let (name, room) = (parts.next(), parts.next());
        [room, name].map(Option::unwrap_or_default).join(".")
    }

    /// The statuses of success.
    pub(in crate::http) fn statuses(&self) -> Vec<u16> {
        let mut statuses: Vec<_> = (self.responses)().iter().map(|of| of.status).collect();
        statuses.dedup();
        statuses
    }

    /// The types that the request is read by.
    pub(in crate::http) fn declared(&self) -> impl Iterator<Item = Declared> {
        let body = self.body.and_then(|body| body.declared);
        body.into_iter().chain(self.query)
    }
}
