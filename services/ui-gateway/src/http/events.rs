//! A project's whole history.

use redis_contracts::Timestamp;
use rpc::project::{ListEventsRequest, RecordedEvent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service_kit::Problem;

use super::{
    Signed,
    call::Call,
    input::Query,
    reply::{Answer, InTurn, Plain},
};
use crate::contract::{Limit, Optional};

/// Which events.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct HistoryQuery {
    /// Only those after this position: `next_after` of the page before.
    after: Optional<String>,
    /// Only those at this time or later.
    from: Optional<Timestamp>,
    /// Only those before this time.
    to: Optional<Timestamp>,
    /// Only those of this type.
    r#type: Optional<String>,
    limit: Limit,
}

/// A part of a project's history.
#[derive(Serialize, JsonSchema)]
pub(super) struct History {
    items: Vec<Item>,
    next_after: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecordedEvent")]
struct Item {
    position: String,
    event: Box<RawValue>,
}

/// Members: oldest first.
pub(super) async fn list(
    signed: Signed,
    call: Call,
    query: Query<HistoryQuery>,
) -> Answer<InTurn<Plain<History>>> {
    let project_id = call.id("project")?;
    let asked = query.read(&call)?.of(project_id);
    let is_search = asked.from.is_some() || asked.to.is_some() || !asked.r#type.is_empty();
    // A search has a line of its own, in the service.
    let turn = match is_search {
        false => Some(call.turn().await?),
        true => None,
    };
    let request = signed.call(asked);
    let answer = call.projects().list_events(request).await?.into_inner();
    let items = answer
        .events
        .into_iter()
        .map(item)
        .collect::<Result<_, _>>()?;
    let next_after = Some(answer.next_after).filter(|after| !after.is_empty());
    let reply = Plain(History { items, next_after });
    Ok(InTurn { reply, turn })
}

impl HistoryQuery {
    fn of(self, project_id: String) -> ListEventsRequest {
        ListEventsRequest {
            project_id,
            after: self.after.0.unwrap_or_default(),
            from: self.from.0.map(rpc::timestamp),
            to: self.to.0.map(rpc::timestamp),
            r#type: self.r#type.0.unwrap_or_default(),
            limit: self.limit.0,
        }
    }
}

fn item(recorded: RecordedEvent) -> Result<Item, Problem> {
    Ok(Item {
        position: recorded.position,
        event: RawValue::from_string(recorded.event).map_err(Problem::internal)?,
    })
}
