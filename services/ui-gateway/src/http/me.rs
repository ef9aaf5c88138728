//! The caller, answered from the session alone.

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_TYPE, HeaderValue},
};
use redis_contracts::{Timestamp, resource::User};
use schemars::JsonSchema;
use serde::Serialize;
use service_kit::Problem;
use uuid::Uuid;

use super::{
    Signed,
    reply::{Answer, Reply, ResponseDoc},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Room for most answers: this one is asked for most, and growing would cost more than writing it.
const USUAL_BYTES: usize = 512;

/// The caller.
#[derive(Serialize, JsonSchema)]
struct Me<'a> {
    user: &'a User,
    session: Session,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CurrentSession")]
struct Session {
    id: Uuid,
    created_at: Timestamp,
    expires_at: Timestamp,
}

/// Signed in.
pub(super) async fn read(signed: Signed) -> Answer<MeReply> {
    let caller = &signed.caller;
    let me = Me {
        session: Session {
            id: caller.session_id,
            created_at: caller.signed_in_at(),
            expires_at: caller.expires_at(),
        },
        user: caller.user(),
    };
    let mut body = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut body, &me).map_err(Problem::internal)?;
    Ok(MeReply(body))
}

/// The caller, written.
pub(super) struct MeReply(Vec<u8>);

impl Reply for MeReply {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::json::<Me<'static>>(200)]
    }

    fn respond(self) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        answer.insert_header((CONTENT_TYPE, JSON));
        answer.body(self.0)
    }
}
