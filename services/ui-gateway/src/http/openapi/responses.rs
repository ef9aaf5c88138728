//! The answers of an operation: when all goes well, and its problems.

use actix_web::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{Components, components::problem, problems};
use crate::http::{reply::ResponseDoc, route::OperationDoc};

/// All of them by status.
pub(super) fn all(
    pattern: &str,
    method: &Method,
    doc: &OperationDoc,
    components: &mut Components,
) -> Value {
    let mut all = Map::new();
    for response in (doc.responses)() {
        let status = response.status.to_string();
        let response = good(&response, components);
        match all.get_mut(&status) {
            Some(there) => merge(there, &response),
            None => drop(all.insert(status, response)),
        }
    }
    for (status, codes) in problems::by_status(pattern, method, doc) {
        let status = status.to_string();
        match all.get_mut(&status) {
            Some(there) => merge(there, &problem(&codes)),
            None => drop(all.insert(status, components.problem(&codes))),
        }
    }
    all.insert("default".to_owned(), components.any_problem());
    all.into()
}

fn good(response: &ResponseDoc, components: &mut Components) -> Value {
    let words = StatusCode::from_u16(response.status).ok();
    let words = words.and_then(|status| status.canonical_reason());
    let mut described = json!({"description": words});
    if let Some((media_type, schema)) = response.content {
        let schema = components.given(schema);
        described["content"] = json!({media_type: {"schema": schema}});
    }
    if !response.headers.is_empty() {
        let headers = response.headers.iter();
        let headers = headers.map(|name| ((*name).to_owned(), header(name)));
        described["headers"] = headers.collect::<Map<_, _>>().into();
    }
    described
}

pub(super) fn header(name: &str) -> Value {
    let description = match name {
        "ETag" => "The version, for `If-Match`.",
        "Location" => "Where it is read.",
        "Idempotent-Replayed" => "`true` where the request was made before, under the same key.",
        "Retry-After" => "Seconds after which it is worth trying again.",
        "RateLimit" => "What is left of a limit, and the seconds until there is more.",
        "RateLimit-Policy" => "The limits, with their windows in seconds.",
        "X-Request-Id" => "To find it in the log; the one that was sent, where it is well formed.",
        _ => "As HTTP has it.",
    };
    json!({"description": description, "schema": {"type": "string"}})
}

/// Adds what another answer of the same status can be.
fn merge(there: &mut Value, other: &Value) {
    for (name, header) in other["headers"].as_object().into_iter().flatten() {
        there["headers"][name] = header.clone();
    }
    let contents = other["content"].as_object().into_iter().flatten();
    for (media_type, content) in contents {
        let one = there["content"][media_type]["schema"].take();
        let other = &content["schema"];
        let schema = match one.is_null() || one == *other {
            true => other.clone(),
            false => json!({"anyOf": [one, other]}),
        };
        there["content"][media_type] = json!({"schema": schema});
    }
}
