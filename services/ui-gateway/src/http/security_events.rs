//! What happened to accounts: each person's own, and everyone's for admins.

use redis_contracts::Timestamp;
use rpc::{
    Malformed,
    auth::{self, ListSecurityEventsRequest, ListSecurityEventsResponse},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Failure, Signed,
    call::Call,
    input::Query,
    reply::{Answer, Page, Plain, given, page},
};
use crate::contract::{Optional, PageQuery};

/// Which events.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct EventQuery {
    #[serde(flatten)]
    page: PageQuery,
    /// Only those of this type.
    r#type: Optional<String>,
    /// Only those at this time or later.
    from: Optional<Timestamp>,
    /// Only those before this time.
    to: Optional<Timestamp>,
}

/// Which events, and of whom.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct UserEventQuery {
    #[serde(flatten)]
    events: EventQuery,
    /// Only those of this account.
    user_id: Optional<String>,
}

/// One thing that happened to an account.
#[derive(Serialize, JsonSchema)]
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
pub(super) async fn list_own(
    signed: Signed,
    call: Call,
    query: Query<EventQuery>,
) -> Answer<Plain<Page<SecurityEvent>>> {
    let asked = query.read(&call)?.into();
    answered(ask(&signed, &call, asked).await?)
}

/// Admins: those of one person or of everyone, newest first.
pub(super) async fn list(
    signed: Signed,
    call: Call,
    query: Query<UserEventQuery>,
) -> Answer<Plain<Page<SecurityEvent>>> {
    let UserEventQuery { events, user_id } = query.read(&call)?;
    let asked = ListSecurityEventsRequest {
        all: true,
        user_id: user_id.0.unwrap_or_default(),
        ..events.into()
    };
    answered(ask(&signed, &call, asked).await?)
}

/// One page of events.
pub(super) async fn ask(
    signed: &Signed,
    call: &Call,
    asked: ListSecurityEventsRequest,
) -> Result<ListSecurityEventsResponse, Failure> {
    let mut auth = call.auth();
    let answer = auth.list_security_events(signed.call(asked)).await?;
    Ok(answer.into_inner())
}

impl From<EventQuery> for ListSecurityEventsRequest {
    fn from(of: EventQuery) -> Self {
        Self {
            limit: of.page.limit.0,
            cursor: of.page.cursor.0.unwrap_or_default(),
            r#type: of.r#type.0.unwrap_or_default(),
            from: of.from.0.map(rpc::timestamp),
            to: of.to.0.map(rpc::timestamp),
            ..Self::default()
        }
    }
}

fn answered(answer: ListSecurityEventsResponse) -> Answer<Plain<Page<SecurityEvent>>> {
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
