//! The keys that access tokens are checked with: those that this process checks them with.

use actix_web::{HttpResponse, http::header::CACHE_CONTROL};
use service_kit::Problem;

use super::{call::Call, reply::Answer};

/// RFC 7517.
const JWK_SET: &str = "application/jwk-set+json";

/// Anyone. Asked for each time: what is in between must not hold back a new key.
pub(super) async fn read(call: Call) -> Answer {
    let keys = call.state.guard.jwks();
    let keys = keys.ok_or_else(|| Problem::unavailable("auth-service"))?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "no-cache"));
    Ok(answer.content_type(JWK_SET).body(keys.to_string()))
}
