//! What operations refer to: the schemas of named types, and the problems.

use schemars::{
    Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};
use service_kit::Code;

use super::responses::header;
use crate::{contract::Declared, http::failure::Document};

const PROBLEM: &str = "#/components/schemas/Problem";

/// The components that operations refer to.
pub(super) struct Components {
    /// Schemas of what is read.
    taken: SchemaGenerator,
    /// Schemas of what is written.
    given: SchemaGenerator,
    responses: Map<String, Value>,
}

impl Default for Components {
    fn default() -> Self {
        let mut given = generator(Contract::Serialize);
        given.subschema_for::<Document<'static>>();
        Self {
            taken: generator(Contract::Deserialize),
            given,
            responses: Map::new(),
        }
    }
}

fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = contract;
    });
    settings.into_generator()
}

impl Components {
    /// The schema of a body.
    pub(super) fn taken(&mut self, of: Declared) -> Value {
        of.component(&mut self.taken).into()
    }

    /// A body as it could be.
    pub(super) fn example(&mut self, of: Declared) -> Value {
        of.inline(&mut self.taken).as_value()["examples"][0].clone()
    }

    /// The schema of a query, whose properties are parameters.
    pub(super) fn query(&mut self, of: Declared) -> Value {
        of.inline(&mut self.taken).into()
    }

    /// The schema of an answer.
    pub(super) fn given(&mut self, of: fn(&mut SchemaGenerator) -> Schema) -> Value {
        of(&mut self.given).into()
    }

    /// A problem with one of these codes.
    pub(super) fn problem(&mut self, codes: &[Code]) -> Value {
        let names: Vec<_> = codes.iter().map(|code| code.name()).collect();
        let name = names.join(".");
        let path = format!("#/components/responses/{name}");
        self.responses.entry(name).or_insert_with(|| problem(codes));
        json!({"$ref": path})
    }

    /// What a problem is where no code is known before.
    pub(super) fn any_problem(&mut self) -> Value {
        let written = || {
            let mut any = problem(&[]);
            any["description"] =
                json!("What a server before this one, or a later release, refuses.");
            any["content"]["application/problem+json"]["schema"] = json!({"$ref": PROBLEM});
            any
        };
        self.responses.entry("any").or_insert_with(written);
        json!({"$ref": "#/components/responses/any"})
    }

    /// All schemas, and all responses.
    pub(super) fn written(self) -> (Map<String, Value>, Map<String, Value>) {
        let Self {
            mut taken,
            mut given,
            responses,
        } = self;
        let mut schemas = taken.take_definitions(true);
        schemas.extend(given.take_definitions(true));
        (schemas, responses)
    }
}

/// A problem with one of these codes.
pub(super) fn problem(codes: &[Code]) -> Value {
    let names: Vec<_> = codes.iter().map(|code| code.name()).collect();
    let titles = codes
        .iter()
        .map(|code| format!("`{}`: {}.", code.name(), code.title()));
    let status = codes.first().map(|code| code.http_status());
    let told: &[&str] = match status {
        Some(429 | 503) => &[
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "X-Request-Id",
        ],
        _ => &["X-Request-Id"],
    };
    let headers = told.iter().map(|name| ((*name).to_owned(), header(name)));
    json!({
        "description": titles.collect::<Vec<_>>().join(" "),
        "headers": headers.collect::<Map<_, _>>(),
        "content": {"application/problem+json": {"schema": {"allOf": [
            {"$ref": PROBLEM},
            {"type": "object", "properties": {"code": {"enum": names}}},
        ]}}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contract::read_json, http::table::table};

    #[test]
    fn the_example_of_a_body_is_one() {
        let mut components = Components::default();
        for path in table() {
            let bodies = path
                .operations()
                .iter()
                .filter_map(|(_, doc)| doc.body?.declared);
            for body in bodies {
                let example = components.example(body).to_string();
                let shape = body.shape().expect("a known form");
                let read = read_json::<Value>(&shape, example.as_bytes());
                assert!(read.is_ok(), "{example}: {read:?}");
            }
        }
    }

    #[test]
    fn no_name_means_two_things() {
        let mut components = Components::default();
        for path in table() {
            for (_, doc) in path.operations() {
                for declared in doc.declared() {
                    components.taken(declared);
                }
                for response in (doc.responses)() {
                    response.content.map(|(_, schema)| components.given(schema));
                }
            }
        }
        let taken = components.taken.take_definitions(true);
        let given = components.given.take_definitions(true);
        assert!(taken.len() > 20 && given.len() > 20);
        for (name, schema) in &taken {
            assert!(given.get(name).is_none_or(|of| of == schema), "{name}");
        }
        // What would have a name that is taken is numbered.
        let mut names = taken.keys().chain(given.keys());
        assert!(names.all(|name| !name.ends_with(|last: char| last.is_ascii_digit())));
    }
}
