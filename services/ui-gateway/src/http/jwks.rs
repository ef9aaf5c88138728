//! The keys that access tokens are verified with, as auth-service publishes them.

use std::time::{Duration, Instant};

use actix_web::{HttpResponse, http::header::CACHE_CONTROL};
use bytes::Bytes;
use rpc::auth::GetJwksRequest;
use tokio::sync::Mutex;

use super::{Failure, call::Call, reply::Answer};

/// How long the keys are good, here and for who fetches them.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// The keys as they were asked last.
#[derive(Default)]
pub(crate) struct KeyCache(Mutex<Option<(Instant, Bytes)>>);

/// Anyone.
pub(super) async fn read(call: Call) -> Answer {
    let keys = keys(&call).await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((
        CACHE_CONTROL,
        format!("public, max-age={}", GOOD_FOR.as_secs()),
    ));
    Ok(answer.content_type("application/json").body(keys))
}

async fn keys(call: &Call) -> Result<Bytes, Failure> {
    let mut held = call.state.jwks.0.lock().await;
    if let Some((asked, keys)) = &*held
        && asked.elapsed() < GOOD_FOR
    {
        return Ok(keys.clone());
    }
    let request = call.context.call(None, GetJwksRequest {});
    let answer = call.state.upstream.auth.clone().get_jwks(request).await?;
    let keys = Bytes::from(answer.into_inner().jwks);
    *held = Some((Instant::now(), keys.clone()));
    Ok(keys)
}
