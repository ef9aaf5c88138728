//! The caller, answered from the session alone.

use actix_web::HttpResponse;
use redis_contracts::{Timestamp, resource::User};
use serde::Serialize;
use uuid::Uuid;

use super::{Signed, reply::Answer};

#[derive(Serialize)]
struct Me {
    user: User,
    session: Session,
}

#[derive(Serialize)]
struct Session {
    id: Uuid,
    created_at: Timestamp,
    expires_at: Timestamp,
}

/// Signed in.
pub(super) async fn read(signed: Signed) -> Answer {
    let caller = signed.caller;
    Ok(HttpResponse::Ok().json(Me {
        session: Session {
            id: caller.session_id,
            created_at: caller.signed_in_at,
            expires_at: caller.expires_at,
        },
        user: caller.user,
    }))
}
