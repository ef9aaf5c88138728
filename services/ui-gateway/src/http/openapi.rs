//! The OpenAPI document, made from the table of routes.

use std::sync::LazyLock;

use actix_web::{
    HttpResponse,
    http::{Method, StatusCode},
};
use serde_json::{Map, Value, json};

use super::{
    answers::Pieces,
    route::{Access, Path, Takes, Told},
    signed::ACCESS_COOKIE,
    table::table,
};
use crate::SERVICE;

static DOCUMENT: LazyLock<String> = LazyLock::new(openapi);

/// Anyone.
pub(super) async fn read() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(Pieces::shared(DOCUMENT.as_bytes()))
}

/// The OpenAPI 3.1 document of the API.
pub fn openapi() -> String {
    let paths = table().iter().map(described).collect::<Map<_, _>>();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "DevMentor",
            "version": SERVICE.version,
            "description": "Lists are pages: `items` and `next_cursor`, null on the last. \
                `x-access` says who may call: anyone; signed_in (people, and machine tokens with scope read, \
                or write where something changes); read_and_write (people, and machine tokens with both); person (no machine token); admin (a machine token also \
                needs scope admin). `x-grpc` names the gRPC methods that do the same. A POST that makes something in a project, asks the mentor or tells of a reply \
                may be sent again under its `Idempotency-Key`; under /api/auth and /api/me the header is not \
                looked at, because a secret is never answered twice.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An access token or a machine token."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": ACCESS_COOKIE},
            },
            "responses": {"Problem": {
                "description": "A problem; `code` says which, see /api/docs/errors.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }},
            "schemas": {"Problem": problem()},
        },
    });
    // Texts and numbers can always be written.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn problem() -> Value {
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": text, "title": text, "status": {"type": "integer"}, "detail": text,
            "code": {"enum": service_kit::Code::ALL.iter().map(|code| code.name()).collect::<Vec<_>>()},
            "request_id": text,
            "errors": {"type": "array", "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": text, "message": text},
            }},
        },
    })
}

fn described(path: &Path) -> (String, Value) {
    let operations = path.operations().iter();
    let operations = operations.map(|(method, told)| {
        let name = method.as_str().to_ascii_lowercase();
        (name, operation(path.pattern(), method, told))
    });
    let operations = operations.collect::<Map<_, _>>();
    (path.pattern().to_owned(), operations.into())
}

fn operation(pattern: &str, method: &Method, told: &Told) -> Value {
    let mut described = json!({
        "summary": told.summary,
        "tags": [area(pattern)],
        "x-access": access(told.access),
        "x-grpc": told.grpc,
        "security": match told.access {
            Access::Anyone => json!([]),
            _ => json!([{"bearer": []}, {"cookie": []}]),
        },
        "parameters": in_path(pattern).chain(in_query(told.asks)).collect::<Vec<_>>(),
        "responses": responses(method, told),
    });
    if let Some(schema) = body(told.takes) {
        let content = json!({"application/json": {"schema": schema}});
        described["requestBody"] = json!({"required": true, "content": content});
    }
    described
}

/// The part of the API that a path belongs to.
pub(super) fn area(pattern: &str) -> &str {
    let rest = pattern.strip_prefix("/api/").unwrap_or("platform");
    rest.split('/').next().unwrap_or(rest)
}

/// How the document names who may call.
pub(super) const fn access(of: Access) -> &'static str {
    match of {
        Access::Anyone => "anyone",
        Access::SignedIn => "signed_in",
        Access::ReadAndWrite => "read_and_write",
        Access::Person => "person",
        Access::Admin => "admin",
        Access::AdminInPerson => "admin_in_person",
    }
}

fn in_path(pattern: &str) -> impl Iterator<Item = Value> {
    let names = pattern.split('/').filter_map(|part| part.strip_prefix('{'));
    names.map(|name| {
        let name = name.trim_end_matches('}');
        let schema = match name {
            "id" => json!({"type": "string", "format": "uuid"}),
            _ => json!({"type": "string"}),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    })
}

/// What is told of `limit`.
const LIMIT: &str = "At most so many; 50 when it is not given. A page of long texts ends earlier, at about 1 MiB. \
    There is more while the answer names where to go on.";

fn in_query(names: &'static [&'static str]) -> impl Iterator<Item = Value> {
    names.iter().map(|name| {
        let schema = match *name {
            "limit" => json!({"type": "integer", "minimum": 1, "maximum": 200}),
            "from" | "to" => json!({"type": "string", "format": "date-time"}),
            _ => json!({"type": "string"}),
        };
        match *name {
            "limit" => json!({"name": name, "in": "query", "schema": schema, "description": LIMIT}),
            _ => json!({"name": name, "in": "query", "schema": schema}),
        }
    })
}

fn responses(method: &Method, told: &Told) -> Value {
    let problem = ("default", json!({"$ref": "#/components/responses/Problem"}));
    let good = statuses(method, told).iter().map(|status| {
        let words = StatusCode::from_u16(*status).ok();
        let words = words.and_then(|status| status.canonical_reason());
        (status.to_string(), json!({"description": words}))
    });
    let all = good.chain([(problem.0.to_owned(), problem.1)]);
    all.collect::<Map<_, _>>().into()
}

/// The statuses of success.
pub(super) fn statuses(method: &Method, told: &Told) -> &'static [u16] {
    match (told.answers, method) {
        ([], &Method::POST) => &[201],
        ([], &Method::DELETE) => &[204],
        ([], _) => &[200],
        (declared, _) => declared,
    }
}

fn body(takes: Takes) -> Option<Value> {
    let fields = match takes {
        Takes::Nothing => return None,
        Takes::Json => return Some(json!({})),
        Takes::Fields(fields) => fields.iter().map(|text| Field::read(text)),
    };
    let required = fields.clone().filter(|field| field.required);
    let required = required.map(|field| field.name).collect::<Vec<_>>();
    let properties = fields.map(|field| (field.name.to_owned(), field.schema()));
    Some(json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties.collect::<Map<_, _>>(),
    }))
}

/// A field as the table writes it: `name`, `name?` where it may be left out, `name?:type` where it is
/// no text, and `|null` at the end where it may be null.
struct Field {
    name: &'static str,
    required: bool,
    of_type: &'static str,
    nullable: bool,
}

impl Field {
    fn read(text: &'static str) -> Self {
        let (name, of_type) = text.split_once(':').unwrap_or((text, "text"));
        let (of_type, null) = of_type.split_once('|').unwrap_or((of_type, ""));
        Self {
            required: !name.ends_with('?'),
            name: name.trim_end_matches('?'),
            of_type,
            nullable: null == "null",
        }
    }

    fn schema(&self) -> Value {
        let name = match self.of_type {
            "flag" => "boolean",
            "number" => "integer",
            "object" => "object",
            "texts" => return json!({"type": "array", "items": {"type": "string"}}),
            _ => "string",
        };
        match self.nullable {
            true => json!({"type": [name, "null"]}),
            false => json!({"type": name}),
        }
    }
}
