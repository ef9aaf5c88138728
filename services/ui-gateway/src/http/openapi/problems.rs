//! The problems that an operation can have: what can go wrong with every route like it, and its own.

use std::collections::BTreeMap;

use actix_web::http::Method;
use service_kit::Code;

use crate::http::route::{Access, OperationDoc};

/// With everything: a bound was reached, something is away, a fault of ours.
const EVERYWHERE: &[Code] = &[Code::RateLimited, Code::Unavailable, Code::Internal];
const SIGNED_IN: &[Code] = &[Code::Unauthenticated, Code::SessionEnded, Code::Forbidden];
const UPSTREAM: &[Code] = &[Code::DeadlineExceeded];
const BODY: &[Code] = &[
    Code::Malformed,
    Code::RequestTimeout,
    Code::TooLarge,
    Code::UnsupportedMediaType,
    Code::Invalid,
];
const QUERY: &[Code] = &[Code::Invalid];
const KEYED: &[Code] = &[Code::Invalid, Code::IdempotencyMismatch];

/// Whether it becomes a socket: that needs an upgrade, and counts as a change.
fn is_socket(doc: &OperationDoc) -> bool {
    (doc.responses)()
        .iter()
        .any(|response| response.status == 101)
}

/// The codes by their status.
pub(super) fn by_status(
    pattern: &str,
    method: &Method,
    doc: &OperationDoc,
) -> BTreeMap<u16, Vec<Code>> {
    let signed_in = doc.access != Access::Anyone;
    let parts = [
        (true, EVERYWHERE),
        (signed_in, SIGNED_IN),
        (
            signed_in && (!method.is_safe() || is_socket(doc)),
            &[Code::Csrf],
        ),
        (is_socket(doc), &[Code::Malformed]),
        (!doc.grpc.is_empty(), UPSTREAM),
        (doc.body.is_some(), BODY),
        (doc.query.is_some(), QUERY),
        (doc.if_match, &[Code::VersionMismatch]),
        (doc.idempotency_key, KEYED),
        (pattern.contains('{'), &[Code::NotFound]),
        (true, doc.problems),
    ];
    let parts = parts.into_iter().filter(|(has, _)| *has);
    let mut codes = BTreeMap::<_, Vec<_>>::new();
    for code in parts.flat_map(|(_, codes)| codes) {
        let there = codes.entry(code.http_status()).or_default();
        if !there.contains(code) {
            there.push(*code);
        }
    }
    codes
}
