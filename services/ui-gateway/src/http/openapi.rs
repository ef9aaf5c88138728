//! The OpenAPI document, made from the table of routes.

mod parameters;
mod schemas;

use std::sync::LazyLock;

use actix_web::{
    HttpResponse,
    http::{Method, StatusCode},
};
use serde_json::{Map, Value, json};

use self::schemas::Schemas;
use super::{
    answers::Pieces,
    route::{Access, BodyDoc, OperationDoc, Path},
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
    let mut schemas = Schemas::default();
    let table = table();
    let paths = table.iter().map(|path| described(path, &mut schemas));
    let paths = paths.collect::<Map<_, _>>();
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
            "schemas": schemas.written(),
        },
    });
    // Texts and numbers can always be written.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn described(path: &Path, schemas: &mut Schemas) -> (String, Value) {
    let operations = path.operations().iter();
    let operations = operations.map(|(method, doc)| {
        let name = method.as_str().to_ascii_lowercase();
        (name, operation(path.pattern(), method, doc, schemas))
    });
    let operations = operations.collect::<Map<_, _>>();
    (path.pattern().to_owned(), operations.into())
}

fn operation(pattern: &str, method: &Method, doc: &OperationDoc, schemas: &mut Schemas) -> Value {
    let parameters = in_path(pattern).chain(parameters::all(doc, schemas));
    let mut described = json!({
        "summary": doc.summary,
        "tags": [area(pattern)],
        "x-access": access(doc.access),
        "x-grpc": doc.grpc,
        "security": match doc.access {
            Access::Anyone => json!([]),
            _ => json!([{"bearer": []}, {"cookie": []}]),
        },
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": responses(method, doc),
    });
    if let Some(body) = doc.body {
        described["requestBody"] = body_of(body, schemas);
    }
    described
}

fn body_of(body: BodyDoc, schemas: &mut Schemas) -> Value {
    let schema = body.declared.map_or(json!({}), |of| schemas.taken(of));
    let content = body
        .types
        .iter()
        .map(|of| ((*of).to_owned(), json!({"schema": schema})));
    json!({"required": body.required, "content": content.collect::<Map<_, _>>()})
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

fn responses(method: &Method, doc: &OperationDoc) -> Value {
    let problem = ("default", json!({"$ref": "#/components/responses/Problem"}));
    let good = statuses(method, doc).iter().map(|status| {
        let words = StatusCode::from_u16(*status).ok();
        let words = words.and_then(|status| status.canonical_reason());
        (status.to_string(), json!({"description": words}))
    });
    let all = good.chain([(problem.0.to_owned(), problem.1)]);
    all.collect::<Map<_, _>>().into()
}

/// The statuses of success.
pub(super) fn statuses(method: &Method, doc: &OperationDoc) -> &'static [u16] {
    match (doc.answers, method) {
        ([], &Method::POST) => &[201],
        ([], &Method::DELETE) => &[204],
        ([], _) => &[200],
        (declared, _) => declared,
    }
}
