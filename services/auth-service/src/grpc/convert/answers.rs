//! To messages, but for those of sessions.

use redis_contracts::{Position, event::Event, resource::User};
use rpc::auth as api;
use tonic::Response;
use uuid::Uuid;

use super::sessions::scope_names;
use crate::{
    accounts::{
        AppSecret, EndedAccess, LimitedAnswer, Listing, MadeToken, ProvenEmail, ResetAccount,
    },
    store::MachineRow,
};

/// An answer whose metadata says how the limits stand.
pub fn limited<T, M>(answer: LimitedAnswer<T>, message: impl FnOnce(T) -> M) -> Response<M> {
    let mut response = Response::new(message(answer.value));
    if let Some(limits) = answer.limits {
        limits.write_to(response.metadata_mut());
    }
    response
}

impl From<ResetAccount> for api::ConfirmPasswordResetResponse {
    fn from(account: ResetAccount) -> Self {
        Self {
            ended: Some(account.ended.into()),
            device: account.device,
        }
    }
}

impl From<MadeToken> for api::CreateMachineTokenResponse {
    fn from(made: MadeToken) -> Self {
        Self {
            machine_token: made.row.map(Into::into),
            token: made.text,
        }
    }
}

impl From<MachineRow> for api::MachineToken {
    fn from(row: MachineRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            scopes: scope_names(&row.scopes),
            created_at: Some(rpc::timestamp(row.created_at)),
            expires_on: row.expires_on,
            last_used_at: row.last_used_at.map(rpc::timestamp),
        }
    }
}

impl From<ProvenEmail> for api::VerifyEmailResponse {
    fn from(proven: ProvenEmail) -> Self {
        Self {
            device: proven.device,
            ended: proven.ended.map(Into::into),
        }
    }
}

impl From<AppSecret> for api::BeginTotpResponse {
    fn from(secret: AppSecret) -> Self {
        Self {
            secret: secret.base32.to_string(),
            uri: secret.uri.to_string(),
            qr_svg: secret.qr_svg.to_string(),
        }
    }
}

impl From<Listing<(Position, Event)>> for api::ListSecurityEventsResponse {
    fn from(found: Listing<(Position, Event)>) -> Self {
        let events = found.entries.into_iter();
        Self {
            events: events.map(|(_, event)| security_event(event)).collect(),
            next_cursor: found.next_cursor,
        }
    }
}

impl From<Listing<User>> for api::ListUsersResponse {
    fn from(found: Listing<User>) -> Self {
        Self {
            users: found.entries.into_iter().map(Into::into).collect(),
            next_cursor: found.next_cursor,
        }
    }
}

impl From<EndedAccess> for api::EndUserSessionsResponse {
    fn from(ended: EndedAccess) -> Self {
        Self {
            session_ids: ids(&ended.ids),
            heard: ended.heard,
        }
    }
}

impl From<EndedAccess> for api::EndOtherSessionsResponse {
    fn from(ended: EndedAccess) -> Self {
        Self {
            session_ids: ids(&ended.ids),
            heard: ended.heard,
        }
    }
}

impl From<EndedAccess> for api::Ended {
    fn from(ended: EndedAccess) -> Self {
        Self {
            ids: ids(&ended.ids),
            heard: ended.heard,
        }
    }
}

fn security_event(event: Event) -> api::SecurityEvent {
    let data = event.body.security().cloned().unwrap_or_default();
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    api::SecurityEvent {
        id: event.id.to_string(),
        r#type: event.body.type_name().to_owned(),
        time: Some(rpc::timestamp(event.time)),
        user_id: id(data.user_id),
        actor_id: id(Some(event.actor).filter(|actor| !actor.is_nil())),
        session_id: id(data.session_id),
        agent: data.agent.unwrap_or_default(),
        address: data.address.unwrap_or_default(),
        detail: data.detail.unwrap_or_default(),
    }
}

/// Ids as texts.
fn ids(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}
