//! What the document says of answers.

use actix_web::HttpResponse;
use schemars::{JsonSchema, Schema, SchemaGenerator};

pub(in crate::http) const JSON: &str = "application/json";

/// An answer when all goes well.
pub(in crate::http) trait Reply {
    /// All that it can be.
    fn responses() -> Vec<ResponseDoc>;

    /// The answer as it is sent.
    fn respond(self) -> HttpResponse;
}

/// What the document says of an answer.
#[derive(Clone, Debug)]
pub(in crate::http) struct ResponseDoc {
    pub(in crate::http) status: u16,
    /// Media type and schema of its body.
    pub(in crate::http) content: Option<(&'static str, SchemaOf)>,
    /// The headers that it can have, beside those of every answer.
    pub(in crate::http) headers: Vec<&'static str>,
}

/// Makes a schema, by reference where it has a name.
pub(in crate::http) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

impl ResponseDoc {
    /// Without a body.
    pub(in crate::http) fn empty(status: u16) -> Self {
        Self {
            status,
            content: None,
            headers: Vec::new(),
        }
    }

    /// With a body of this type, as JSON.
    pub(in crate::http) fn json<T: JsonSchema>(status: u16) -> Self {
        Self::of::<T>(status, JSON)
    }

    /// With a body of this type, in this form.
    pub(in crate::http) fn of<T: JsonSchema>(status: u16, media_type: &'static str) -> Self {
        Self {
            content: Some((media_type, SchemaGenerator::subschema_for::<T>)),
            ..Self::empty(status)
        }
    }

    /// With headers.
    pub(in crate::http) fn with(mut self, headers: &[&'static str]) -> Self {
        self.headers.extend(headers);
        self
    }
}
