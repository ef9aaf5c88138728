//! The components of the document: the schemas of the types that are named in it.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::contract::Declared;

/// The schemas that operations refer to.
pub(super) struct Schemas {
    /// Of what is read.
    taken: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            taken: settings.for_deserialize().into_generator(),
        }
    }
}

impl Schemas {
    /// The schema of a body.
    pub(super) fn taken(&mut self, of: Declared) -> Value {
        of.component(&mut self.taken).into()
    }

    /// The schema of a query, whose properties are parameters.
    pub(super) fn query(&mut self, of: Declared) -> Value {
        of.inline(&mut self.taken).into()
    }

    /// All of them by name.
    pub(super) fn written(mut self) -> Map<String, Value> {
        let mut all = self.taken.take_definitions(true);
        all.insert("Problem".to_owned(), problem());
        all
    }
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
