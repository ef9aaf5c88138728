//! What happened to accounts.

use redis_contracts::{Position, event::Event};
use rpc::auth as api;
use service_kit::{
    Problem,
    page::{Limit, wrong_cursor},
};
use uuid::Uuid;

use super::Accounts;
use crate::store::EventFilter;

impl Accounts {
    pub(super) async fn find_events(
        &self,
        asked: api::ListSecurityEventsRequest,
        user_id: Option<Uuid>,
    ) -> Result<api::ListSecurityEventsResponse, Problem> {
        let limit = Limit::asked(asked.limit)?;
        let before = match asked.cursor.as_str() {
            "" => None,
            text => Some(text.parse::<Position>().map_err(|_| wrong_cursor())?),
        };
        let filter = EventFilter {
            user_id,
            type_name: full_type(&asked.r#type)?,
            from: asked.from.as_ref().map(rpc::timestamp_from),
            to: asked.to.as_ref().map(rpc::timestamp_from),
            before,
        };
        let mut events = self.store.events(&filter, limit.to_read()).await?;
        Ok(api::ListSecurityEventsResponse {
            next_cursor: limit.cut(&mut events, |(position, _)| position.to_string()),
            events: events
                .into_iter()
                .map(|(_, event)| message(event))
                .collect(),
        })
    }
}

/// `signed_in` is short for `devmentor.security.signed_in.v1`.
fn full_type(name: &str) -> Result<String, Problem> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
    if !name.bytes().all(plain) {
        return Err(Problem::invalid_field(
            "type",
            "a type such as signed_in, or devmentor.security.signed_in.v1",
        ));
    }
    if name.is_empty() || name.contains('.') {
        Ok(name.to_owned())
    } else {
        Ok(format!("devmentor.security.{name}.v1"))
    }
}

fn message(event: Event) -> api::SecurityEvent {
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
