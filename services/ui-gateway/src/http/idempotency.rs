//! `Idempotency-Key`: a request that is sent again under it changes nothing twice.

use std::{convert::Infallible, future::Ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderValue};
use rpc::metadata::IDEMPOTENCY_KEY;
use service_kit::Problem;
use tonic::Request;

use super::{argument::Argument, route::OperationDoc};

/// In bytes.
pub(super) const LONGEST_IDEMPOTENCY_KEY: usize = 128;

/// The idempotency key that a request has, if it has one.
pub(super) struct IdempotencyKey(Option<HeaderValue>);

impl IdempotencyKey {
    /// Hands the key on with a call.
    pub(super) fn on<T>(self, mut call: Request<T>) -> Result<Request<T>, Problem> {
        let Some(key) = self.0 else {
            return Ok(call);
        };
        let visible = |key: &&str| {
            (1..=LONGEST_IDEMPOTENCY_KEY).contains(&key.len())
                && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let key = key.to_str().ok().filter(visible);
        let key = key.and_then(|key| key.parse().ok());
        let expected = format!("expected 1 to {LONGEST_IDEMPOTENCY_KEY} visible characters");
        let key = key.ok_or_else(|| Problem::invalid_field("Idempotency-Key", expected))?;
        call.metadata_mut().insert(IDEMPOTENCY_KEY, key);
        Ok(call)
    }
}

impl FromRequest for IdempotencyKey {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let key = request.headers().get(IDEMPOTENCY_KEY);
        std::future::ready(Ok(Self(key.cloned())))
    }
}

impl Argument for IdempotencyKey {
    fn describe(doc: &mut OperationDoc) {
        doc.idempotency_key = true;
    }
}
