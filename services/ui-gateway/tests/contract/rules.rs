//! The rules by which the API grows (decision 16), one change at a time.

use serde_json::{Value, json};

use super::comparison::Comparison;

/// A document with one operation, which changes a task.
fn document() -> Value {
    let task = json!({
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "due_on": {"type": ["string", "null"]},
            "status": {"type": "string", "enum": ["todo", "done"]},
            "author": {"$ref": "#/components/schemas/Author"},
        },
        "required": ["title", "due_on", "status"],
    });
    let change = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "title": {"type": "string", "maxLength": 300},
            "due_on": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "status": {"type": "string", "enum": ["todo", "done"]},
            "labels": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["title"],
    });
    let author = json!({
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": "person", "type": "string"}, "id": {"type": "string"}}, "required": ["kind", "id"]},
            {"type": "object", "properties": {"kind": {"const": "import", "type": "string"}, "name": {"type": "string"}}, "required": ["kind", "name"]},
        ],
    });
    let operation = json!({
        "operationId": "tasks.change",
        "security": [{"bearer": []}, {"cookie": []}],
        "parameters": [
            {"in": "path", "name": "id", "required": true, "schema": {"type": "string"}},
            {"in": "query", "name": "limit", "required": false, "schema": {"type": "integer", "maximum": 200}},
        ],
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TaskPatch"}}},
        },
        "responses": {
            "200": {
                "headers": {"ETag": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Task"}}},
            },
            "404": {"$ref": "#/components/responses/not_found"},
        },
    });
    json!({
        "paths": {"/tasks/{id}": {"patch": operation}},
        "components": {
            "schemas": {"Task": task, "TaskPatch": change, "Author": author},
            "responses": {"not_found": {"description": "Nothing has this id."}},
        },
    })
}

const OPERATION: &str = "/paths/~1tasks~1{id}/patch";
const SENT: &str = "/components/schemas/TaskPatch";
const ANSWERED: &str = "/components/schemas/Task";

/// The faults of the document with another value at a place; null takes away what was there.
fn faults(place: &str, value: &Value) -> Vec<String> {
    let released = document();
    let mut now = released.clone();
    let (parent, name) = place.rsplit_once('/').expect("a place");
    match now.pointer_mut(parent).expect("a parent") {
        Value::Object(members) if value.is_null() => drop(members.remove(name)),
        parent @ Value::Object(_) => parent[name] = value.clone(),
        parent => parent[name.parse::<usize>().expect("an index")] = value.clone(),
    }
    let comparison = Comparison {
        released: &released,
        now: &now,
    };
    comparison.faults()
}

#[test]
fn what_breaks_a_caller_is_found() {
    for (root, place, value, fault) in [
        (
            "",
            "/paths/~1tasks~1{id}/patch",
            json!(null),
            "PATCH /tasks/{id} is gone",
        ),
        (
            OPERATION,
            "/parameters/1",
            json!({"in": "query", "name": "q"}),
            "query limit is gone",
        ),
        (
            OPERATION,
            "/parameters/1/required",
            json!(true),
            "needs limit now",
        ),
        (
            OPERATION,
            "/parameters/1/schema/maximum",
            json!(100),
            "narrower maximum",
        ),
        (
            OPERATION,
            "/parameters/1/schema/type",
            json!("string"),
            "query limit takes no integer now",
        ),
        (
            OPERATION,
            "/security",
            json!([{"bearer": []}]),
            "no longer lets in by {\"cookie\":[]}",
        ),
        (OPERATION, "/responses/404", json!(null), "404 is gone"),
        (
            OPERATION,
            "/responses/200/headers/ETag",
            json!(null),
            "200 header ETag is gone",
        ),
        (
            OPERATION,
            "/requestBody/content",
            json!({"text/plain": {}}),
            "body as application/json is gone",
        ),
        (
            SENT,
            "/required",
            json!(["title", "status"]),
            "body.status has to be there now",
        ),
        (
            SENT,
            "/properties/labels",
            json!(null),
            "body.labels is gone",
        ),
        (
            SENT,
            "/properties/labels/items/type",
            json!("integer"),
            "body.labels[] takes no string now",
        ),
        (
            SENT,
            "/properties/due_on",
            json!({"type": "string"}),
            "body.due_on takes no null now",
        ),
        (
            SENT,
            "/properties/status/enum",
            json!(["todo"]),
            "body.status \"done\" is gone",
        ),
        (
            SENT,
            "/properties/title/enum",
            json!(["a"]),
            "body.title takes [\"a\"] alone now",
        ),
        (
            SENT,
            "/properties/title/maxLength",
            json!(200),
            "body.title has a narrower maxLength",
        ),
        (
            SENT,
            "/properties/title/format",
            json!("uuid"),
            "body.title has another format",
        ),
        (
            ANSWERED,
            "/properties/title",
            json!(null),
            "200.title is gone",
        ),
        (
            ANSWERED,
            "/properties/title/type",
            json!("integer"),
            "200.title can be integer now",
        ),
        (
            ANSWERED,
            "/properties/title/type",
            json!(["string", "null"]),
            "200.title can be null now",
        ),
        (
            ANSWERED,
            "/required",
            json!(["title", "due_on"]),
            "200.status can be left out now",
        ),
        (
            ANSWERED,
            "/properties/status/enum",
            json!(["todo"]),
            "200.status \"done\" is gone",
        ),
        (
            "/components/schemas/Author/oneOf/1",
            "/properties/name/type",
            json!("integer"),
            "200.author.name can be integer now",
        ),
    ] {
        let found = faults(&format!("{root}{place}"), &value);
        let is_found = found.iter().any(|found| found.contains(fault));
        assert!(is_found, "{fault}: {found:?}");
    }
}

#[test]
fn what_breaks_nobody_is_let_through() {
    for (root, place, value) in [
        (OPERATION, "/operationId", json!("changeTask")),
        (OPERATION, "/summary", json!("Changes a task")),
        (OPERATION, "/security", json!([])),
        (
            OPERATION,
            "/responses/409",
            json!({"description": "A conflict"}),
        ),
        (OPERATION, "/parameters/0/schema/maxLength", json!(null)),
        (OPERATION, "/parameters/1/schema/maximum", json!(1000)),
        (OPERATION, "/requestBody/content/text", json!({})),
        (SENT, "/required", json!([])),
        (SENT, "/properties/epic_id", json!({"type": "string"})),
        (
            SENT,
            "/properties/status/enum",
            json!(["todo", "done", "dropped"]),
        ),
        (SENT, "/properties/title/type", json!(["string", "null"])),
        (
            ANSWERED,
            "/properties/epic_id",
            json!({"type": ["string", "null"]}),
        ),
        (
            ANSWERED,
            "/required",
            json!(["title", "due_on", "status", "author"]),
        ),
        (ANSWERED, "/properties/due_on/type", json!("string")),
        (
            ANSWERED,
            "/properties/status/enum",
            json!(["todo", "done", "dropped"]),
        ),
        (
            "/components/schemas/Author/oneOf/1",
            "/properties/epic_id",
            json!({"type": "string"}),
        ),
    ] {
        let place = format!("{root}{place}");
        assert_eq!(faults(&place, &value), Vec::<String>::new(), "{place}");
    }
}
