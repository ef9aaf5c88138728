//! The OpenAPI document, made from the table of routes.

mod components;
mod parameters;
mod problems;
mod responses;

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::Method};
use serde_json::{Map, Value, json};

use self::components::Components;
use super::{
    answers::Pieces,
    reply::{Answer, JSON, Reply, ResponseDoc},
    route::{Access, BodyDoc, OperationDoc, Path},
    signed::ACCESS_COOKIE,
    table::table,
};
use crate::SERVICE;

static DOCUMENT: LazyLock<String> = LazyLock::new(openapi);

/// Anyone.
pub(super) async fn read() -> Answer<DocumentReply> {
    Ok(DocumentReply)
}

/// The document, written.
pub(super) struct DocumentReply;

impl Reply for DocumentReply {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::json::<Map<String, Value>>(200)]
    }

    fn respond(self) -> HttpResponse {
        HttpResponse::Ok()
            .content_type(JSON)
            .body(Pieces::shared(DOCUMENT.as_bytes()))
    }
}

/// The OpenAPI 3.1 document of the API.
pub fn openapi() -> String {
    let mut components = Components::default();
    let table = table();
    let paths = table.iter().map(|path| described(path, &mut components));
    let paths = paths.collect::<Map<_, _>>();
    let (schemas, responses) = components.written();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "DevMentor",
            "version": SERVICE.version,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
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
            "responses": responses,
            "schemas": schemas,
        },
    });
    // Texts and numbers can always be written.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn described(path: &Path, components: &mut Components) -> (String, Value) {
    let operations = path.operations().iter();
    let operations = operations.map(|(method, doc)| {
        let name = method.as_str().to_ascii_lowercase();
        (name, operation(path.pattern(), method, doc, components))
    });
    let operations = operations.collect::<Map<_, _>>();
    (path.pattern().to_owned(), operations.into())
}

fn operation(
    pattern: &str,
    method: &Method,
    doc: &OperationDoc,
    components: &mut Components,
) -> Value {
    let parameters = in_path(pattern).chain(parameters::all(doc, components));
    let mut described = json!({
        "operationId": doc.id(),
        "summary": doc.summary,
        "tags": [area(pattern)],
        "x-access": access(doc.access),
        "x-grpc": doc.grpc,
        "security": match doc.access {
            Access::Anyone => json!([]),
            _ => json!([{"bearer": []}, {"cookie": []}]),
        },
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": responses::all(pattern, method, doc, components),
    });
    if let Some(body) = doc.body {
        described["requestBody"] = body_of(body, components);
    }
    described
}

fn body_of(body: BodyDoc, components: &mut Components) -> Value {
    let content = match body.declared {
        Some(of) => json!({"schema": components.taken(of), "example": components.example(of)}),
        None => json!({"schema": {}}),
    };
    let content = body
        .types
        .iter()
        .map(|of| ((*of).to_owned(), content.clone()));
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
