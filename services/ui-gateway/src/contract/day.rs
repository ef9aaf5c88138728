//! A day without a time.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A day, `2026-01-31`. Whether the calendar has it is for the service to say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Day(pub(crate) String);

impl JsonSchema for Day {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date", "examples": ["2026-01-31"]})
    }
}
