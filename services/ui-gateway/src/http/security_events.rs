//! What happened to accounts: each person's own, and everyone's for admins.

use redis_contracts::Timestamp;
use rpc::{
    Malformed,
    auth::{self, ListSecurityEventsRequest, ListSecurityEventsResponse},
};
use serde::Serialize;
use service_kit::Problem;

use super::{
    Failure, Signed,
    call::Call,
    reply::{Answer, given, page},
};

/// One thing that happened to an account.
#[derive(Serialize)]
pub(super) struct SecurityEvent {
    id: String,
    r#type: String,
    time: Timestamp,
    user_id: Option<String>,
    actor_id: Option<String>,
    session_id: Option<String>,
    agent: Option<String>,
    address: Option<String>,
    detail: Option<String>,
}

/// A person: their own, newest first.
pub(super) async fn list_own(signed: Signed, call: Call) -> Answer {
    let asked = asked(&call)?;
    answered(ask(&signed, &call, asked).await?)
}

/// Admins: those of one person or of everyone, newest first.
pub(super) async fn list(signed: Signed, call: Call) -> Answer {
    let asked = ListSecurityEventsRequest {
        all: true,
        user_id: call.query().get("user_id").unwrap_or_default(),
        ..asked(&call)?
    };
    answered(ask(&signed, &call, asked).await?)
}

/// One page of events.
pub(super) async fn ask(
    signed: &Signed,
    call: &Call,
    asked: ListSecurityEventsRequest,
) -> Result<ListSecurityEventsResponse, Failure> {
    let mut auth = call.state.upstream.auth.clone();
    let answer = auth.list_security_events(signed.call(asked)).await?;
    Ok(answer.into_inner())
}

fn asked(call: &Call) -> Result<ListSecurityEventsRequest, Problem> {
    let query = call.query();
    Ok(ListSecurityEventsRequest {
        limit: query.limit()?,
        cursor: query.get("cursor").unwrap_or_default(),
        all: false,
        user_id: String::new(),
        r#type: query.get("type").unwrap_or_default(),
        from: query.moment("from")?.map(rpc::timestamp),
        to: query.moment("to")?.map(rpc::timestamp),
    })
}

fn answered(answer: ListSecurityEventsResponse) -> Answer {
    page::<SecurityEvent, _>(answer.events, answer.next_cursor)
}

impl TryFrom<auth::SecurityEvent> for SecurityEvent {
    type Error = Malformed;

    fn try_from(of: auth::SecurityEvent) -> Result<Self, Malformed> {
        let time = of.time.as_ref().map(rpc::timestamp_from);
        Ok(Self {
            id: of.id,
            r#type: of.r#type,
            time: time.ok_or(Malformed("time"))?,
            user_id: given(of.user_id),
            actor_id: given(of.actor_id),
            session_id: given(of.session_id),
            agent: given(of.agent),
            address: given(of.address),
            detail: given(of.detail),
        })
    }
}
