//! A person's sessions: where they are signed in.

use futures_util::{StreamExt, stream};
use redis_contracts::Timestamp;
use rpc::{
    Malformed,
    auth::{self, EndOtherSessionsRequest, EndSessionRequest, Ended, ListSessionsRequest},
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Signed,
    call::Call,
    reply::{Answer, Done, Either, Page, Plain, WithCookies, given},
};
use crate::State;

/// Sessions that are ended at the same time.
const TOLD_AT_ONCE: usize = 16;

/// A session as its owner sees it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Session {
    id: String,
    created_at: Timestamp,
    /// To a quarter of the idle time.
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    agent: Option<String>,
    address: Option<String>,
    current: bool,
}

/// A person: their own, newest first.
pub(super) async fn list(signed: Signed, call: Call) -> Answer<Plain<Page<Session>>> {
    let sessions = all(&signed, &call).await?;
    Ok(Plain(Page::whole(sessions)))
}

/// All live sessions of the caller, whose number auth-service bounds.
pub(super) async fn all(signed: &Signed, call: &Call) -> Result<Vec<Session>, super::Failure> {
    let request = signed.call(ListSessionsRequest {});
    let mut auth = call.auth();
    let answer = auth.list_sessions(request).await?.into_inner();
    let current = signed.caller.session_id.to_string();
    let sessions = answer.sessions.into_iter();
    let sessions = sessions.map(|session| Session::new(session, &current));
    Ok(sessions.collect::<Result<_, _>>()?)
}

/// A person: all of their own but this one.
pub(super) async fn end_others(signed: Signed, call: Call) -> Answer<Done> {
    let request = signed.call(EndOtherSessionsRequest {});
    let mut auth = call.auth();
    let ended = auth.end_other_sessions(request).await?.into_inner();
    tell(&call.state, &ended.session_ids, ended.heard).await;
    Ok(Done)
}

/// A person: one of their own.
pub(super) async fn end(signed: Signed, call: Call) -> Answer<Either<Done, WithCookies<Done>>> {
    let session_id = call.id("session")?;
    let request = signed.call(EndSessionRequest {
        session_id: session_id.clone(),
    });
    let mut auth = call.auth();
    let heard = auth.end_session(request).await?.into_inner().heard;
    let is_own = signed.caller.session_id.to_string() == session_id;
    tell(&call.state, &[session_id], heard).await;
    if is_own {
        return Ok(Either::Right(call.signed_out()));
    }
    Ok(Either::Left(Done))
}

/// Ends sessions in this process, which need not wait to hear of it. What is no id is no session.
pub(super) async fn tell(state: &State, ended: &[String], heard: bool) {
    let ids = ended.iter().filter_map(|id| Uuid::try_parse(id).ok());
    stream::iter(ids)
        .for_each_concurrent(TOLD_AT_ONCE, |id| state.end_session(id, heard))
        .await;
}

/// As [`tell`], of what a change has ended.
pub(super) async fn tell_ended(state: &State, ended: Option<Ended>) {
    let Ended { ids, heard } = ended.unwrap_or_default();
    tell(state, &ids, heard).await;
}

impl Session {
    fn new(of: auth::Session, current: &str) -> Result<Self, Malformed> {
        let time = |moment: &Option<_>, field| {
            let moment = moment.as_ref().map(rpc::timestamp_from);
            moment.ok_or(Malformed(field))
        };
        Ok(Self {
            created_at: time(&of.created_at, "created_at")?,
            last_seen_at: time(&of.last_seen, "last_seen")?,
            expires_at: time(&of.expires_at, "expires_at")?,
            current: of.id == current,
            id: of.id,
            agent: given(of.agent),
            address: given(of.address),
        })
    }
}
