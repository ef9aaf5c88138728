//! A project's whole history.

use actix_web::HttpResponse;
use rpc::project::{ListEventsRequest, RecordedEvent};
use serde::Serialize;
use serde_json::value::RawValue;
use service_kit::Problem;

use super::{Signed, call::Call, parameters::Parameters, reply::Answer};

#[derive(Serialize)]
struct History {
    items: Vec<Item>,
    next_after: Option<String>,
}

#[derive(Serialize)]
struct Item {
    position: String,
    event: Box<RawValue>,
}

/// Members: oldest first.
pub(super) async fn list(signed: Signed, call: Call) -> Answer {
    let project_id = call.id("project")?;
    let asked = asked(project_id, &call.query())?;
    let is_search = asked.from.is_some() || asked.to.is_some() || !asked.r#type.is_empty();
    // A search has a line of its own, in the service.
    let _turn = match is_search {
        false => Some(call.turn().await?),
        true => None,
    };
    let request = signed.call(asked);
    let answer = call
        .state
        .upstream
        .projects
        .clone()
        .list_events(request)
        .await?
        .into_inner();
    let items = answer
        .events
        .into_iter()
        .map(item)
        .collect::<Result<_, _>>()?;
    let next_after = Some(answer.next_after).filter(|after| !after.is_empty());
    Ok(HttpResponse::Ok().json(History { items, next_after }))
}

fn asked(project_id: String, query: &Parameters) -> Result<ListEventsRequest, Problem> {
    Ok(ListEventsRequest {
        project_id,
        after: query.get("after").unwrap_or_default(),
        from: query.moment("from")?.map(rpc::timestamp),
        to: query.moment("to")?.map(rpc::timestamp),
        r#type: query.get("type").unwrap_or_default(),
        limit: query.limit()?,
    })
}

fn item(recorded: RecordedEvent) -> Result<Item, Problem> {
    Ok(Item {
        position: recorded.position,
        event: RawValue::from_string(recorded.event).map_err(Problem::internal)?,
    })
}
