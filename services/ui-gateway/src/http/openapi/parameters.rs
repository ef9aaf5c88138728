//! The parameters of an operation beside its path: those of the URL, and the headers that make a change safe.

use serde_json::{Value, json};

use super::Components;
use crate::http::{idempotency::LONGEST_IDEMPOTENCY_KEY, route::OperationDoc};

/// All of them.
pub(super) fn all(doc: &OperationDoc, components: &mut Components) -> impl Iterator<Item = Value> {
    let query = doc.query.map(|of| in_query(&components.query(of)));
    let if_match = doc.if_match.then(if_match);
    let key = doc.idempotency_key.then(idempotency_key);
    query.into_iter().flatten().chain(if_match).chain(key)
}

/// The properties of a query's schema.
fn in_query(schema: &Value) -> Vec<Value> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let required = schema["required"].as_array();
    let parameters = properties.map(|(name, schema)| {
        let mut schema = schema.clone();
        let description = schema
            .as_object_mut()
            .and_then(|of| of.remove("description"));
        json!({
            "name": name,
            "in": "query",
            "required": required.is_some_and(|names| names.contains(&json!(name))),
            "description": description,
            "schema": schema,
        })
    });
    parameters.collect()
}

fn if_match() -> Value {
    json!({
        "name": "If-Match",
        "in": "header",
        "required": false,
        "description": "The `ETag` of the resource as it was read: it is changed only while it has this version.",
        "schema": {"type": "string"},
        "example": "\"7\"",
    })
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "For sending a request again: for 24 hours the same key and request change nothing twice. What was made is answered as it was, what was changed as it is now.",
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_IDEMPOTENCY_KEY, "pattern": "^[!-~]+$"},
    })
}
