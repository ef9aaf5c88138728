//! The keys that access tokens are checked with: those that this process checks them with.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, http::header::CACHE_CONTROL};
use schemars::JsonSchema;
use service_kit::Problem;

use super::{
    call::Call,
    reply::{Answer, Reply, ResponseDoc},
};

/// RFC 7517.
const JWK_SET: &str = "application/jwk-set+json";

/// Anyone. Asked for each time: what is in between must not hold back a new key.
pub(super) async fn read(call: Call) -> Answer<JwksReply> {
    let keys = call.state.guard.jwks();
    let keys = keys.ok_or_else(|| Problem::unavailable("auth-service"))?;
    Ok(JwksReply(keys.to_string()))
}

/// A set of keys, written.
pub(super) struct JwksReply(String);

/// What it holds.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct JwkSet {
    keys: Vec<BTreeMap<String, String>>,
}

impl Reply for JwksReply {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::of::<JwkSet>(200, JWK_SET)]
    }

    fn respond(self) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        answer.insert_header((CACHE_CONTROL, "no-cache"));
        answer.content_type(JWK_SET).body(self.0)
    }
}
