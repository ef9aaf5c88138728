//! Which page of a list is asked for.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::Optional;

/// Which page of a list is asked for; flattened into the query of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct PageQuery {
    pub(crate) limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    pub(crate) cursor: Optional<String>,
}

/// At most so many items. 0, which nobody can ask for: as many as the service gives by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Limit(pub(crate) u32);

impl JsonSchema for Limit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "format": "uint32",
            "minimum": 1,
            "maximum": 200,
            "description": "At most so many; 50 when it is not given. A page of long texts ends earlier, at about \
                1 MiB. There is more while the answer names where to go on.",
        })
    }
}

impl From<PageQuery> for rpc::project::Page {
    fn from(of: PageQuery) -> Self {
        Self {
            limit: of.limit.0,
            cursor: of.cursor.0.unwrap_or_default(),
        }
    }
}
