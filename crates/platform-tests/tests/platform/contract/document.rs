//! What the document says of an answer, and how much of the document was seen.

use std::collections::BTreeSet;

use boon::{Compiler, Draft, Schemas};
use serde_json::{Value, json};
use test_kit::Answer;

/// Where the document stands for the validator.
const AT: &str = "http://localhost/openapi.json";

/// The document, with schemas that allow nothing beside what they name.
pub(crate) struct Contract {
    document: Value,
    pub(crate) seen: Seen,
}

/// What was seen, and what there is to see.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `get /api/me 200 application/json`: what is answered when all goes well.
    pub(crate) answers: BTreeSet<String>,
    /// `User.email`: properties that had a value.
    pub(crate) properties: BTreeSet<String>,
    /// Codes of problems.
    pub(crate) codes: BTreeSet<String>,
}

impl Contract {
    /// The document in the repository.
    pub(crate) fn written() -> Self {
        let document = include_str!("../../../../../docs/openapi.json");
        let mut document: Value = serde_json::from_str(document).expect("a document");
        close(&mut document["components"]["schemas"]);
        Self {
            document,
            seen: Seen::default(),
        }
    }

    /// Holds an answer against what the document says of this operation, and notes what is in it.
    #[track_caller]
    pub(crate) fn hold(&mut self, method: &str, pattern: &str, answer: &Answer) {
        let (method, status) = (method.to_lowercase(), answer.status);
        let told = format!("{method} {pattern}: {answer}");
        let responses = format!("/paths/{}/{method}/responses", escaped(pattern));
        let at = self.resolved(&format!("{responses}/{status}"));
        let response = self.document.pointer(&at);
        let response =
            response.unwrap_or_else(|| panic!("the document has no such status: {told}"));
        let media = answer.header("content-type").split(';').next();
        let media = media.unwrap_or_default();
        let Some(content) = response["content"].as_object() else {
            assert_eq!(answer.body, json!(null), "{told}");
            self.note_answer(&method, pattern, status, "");
            return;
        };
        assert!(content.contains_key(media), "no such type: {told}");
        let schema = format!("{at}/content/{}/schema", escaped(media));
        for value in values(media, &answer.body) {
            if let Err(fault) = self.check(&schema, &value) {
                panic!("{fault:#}\n{told}");
            }
            let mut properties = BTreeSet::new();
            self.note(&schema, &value, &mut properties);
            self.seen.properties.extend(properties);
        }
        if media == "application/problem+json" {
            let code = answer.body["code"].as_str().expect("a code");
            self.seen.codes.insert(code.to_owned());
        }
        self.note_answer(&method, pattern, status, media);
    }

    fn note_answer(&mut self, method: &str, pattern: &str, status: u16, media: &str) {
        if status < 300 {
            let answer = format!("{method} {pattern} {status} {media}");
            self.seen.answers.insert(answer.trim_end().to_owned());
        }
    }

    /// All that there is to see.
    pub(crate) fn whole(&self) -> Seen {
        let mut whole = Seen::default();
        for (pattern, operations) in entries(&self.document["paths"]) {
            for (method, operation) in entries(operations) {
                let responses = entries(&operation["responses"]);
                for (status, response) in responses.filter(|(status, _)| status.starts_with('2')) {
                    let answer = format!("{method} {pattern} {status}");
                    let content = &response["content"];
                    if content.is_null() {
                        whole.answers.insert(answer.clone());
                    }
                    for (media, content) in entries(content) {
                        whole.answers.insert(format!("{answer} {media}"));
                        self.gather(None, &content["schema"], &mut whole.properties);
                    }
                }
            }
        }
        for (_, response) in entries(&self.document["components"]["responses"]) {
            let schema = &response["content"]["application/problem+json"]["schema"];
            let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array();
            let codes = codes.into_iter().flatten().filter_map(Value::as_str);
            whole.codes.extend(codes.map(str::to_owned));
            self.gather(None, schema, &mut whole.properties);
        }
        whole
    }

    fn check(&self, schema: &str, value: &Value) -> Result<(), String> {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        let document = self.document.clone();
        compiler.add_resource(AT, document).expect("a document");
        let compiled = compiler.compile(&format!("{AT}#{schema}"), &mut schemas);
        let compiled = compiled.unwrap_or_else(|error| panic!("{schema}: {error:#}"));
        let checked = schemas.validate(value, compiled);
        checked.map_err(|error| format!("{error:#}"))
    }

    /// Where a place really is, if it only refers to another.
    fn resolved(&self, at: &str) -> String {
        match self.document.pointer(at).and_then(|of| of["$ref"].as_str()) {
            Some(target) => target[1..].to_owned(),
            None => at.to_owned(),
        }
    }

    /// Notes the properties of a value that is valid under a schema.
    fn note(&self, at: &str, value: &Value, properties: &mut BTreeSet<String>) {
        let at = self.resolved(at);
        let schema = self.document.pointer(&at).expect("a schema");
        let name = at.strip_prefix("/components/schemas/");
        for choice in ["anyOf", "oneOf", "allOf"] {
            let choices = schema[choice].as_array().map_or(0, Vec::len);
            let choices = (0..choices).map(|number| format!("{at}/{choice}/{number}"));
            for choice in choices.filter(|choice| self.check(choice, value).is_ok()) {
                self.note(&choice, value, properties);
            }
        }
        for item in value.as_array().into_iter().flatten() {
            if !schema["items"].is_null() {
                self.note(&format!("{at}/items"), item, properties);
            }
        }
        for (key, value) in entries(value).filter(|(_, value)| !value.is_null()) {
            if !schema["properties"][key].is_null() {
                let name = name
                    .unwrap_or_default()
                    .split('/')
                    .next()
                    .unwrap_or_default();
                properties.insert(format!("{name}.{key}"));
                self.note(
                    &format!("{at}/properties/{}", escaped(key)),
                    value,
                    properties,
                );
            } else if schema["additionalProperties"].is_object() {
                self.note(&format!("{at}/additionalProperties"), value, properties);
            }
        }
    }

    /// Gathers the properties of a schema, and of all that it refers to.
    fn gather(&self, name: Option<&str>, schema: &Value, properties: &mut BTreeSet<String>) {
        if let Some(target) = schema["$ref"].as_str() {
            let name = target.rsplit('/').next();
            let target = self.document.pointer(&target[1..]).expect("a schema");
            return self.gather(name, target, properties);
        }
        for (key, property) in entries(&schema["properties"]) {
            let name = format!("{}.{key}", name.unwrap_or_default());
            if properties.insert(name) {
                self.gather(None, property, properties);
            }
        }
        for choice in ["anyOf", "oneOf", "allOf"] {
            for choice in schema[choice].as_array().into_iter().flatten() {
                self.gather(name, choice, properties);
            }
        }
        for inner in ["items", "additionalProperties"] {
            if schema[inner].is_object() {
                self.gather(None, &schema[inner], properties);
            }
        }
    }
}

/// A schema that names properties allows no others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                let others = fields.entry("additionalProperties");
                others.or_insert(json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// A body, or each of its lines.
fn values(media: &str, body: &Value) -> Vec<Value> {
    match body {
        Value::String(text) if media == "application/x-ndjson" => {
            let lines = text.lines().map(serde_json::from_str);
            lines.map(|line| line.expect("JSON")).collect()
        }
        _ => vec![body.clone()],
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(key, value)| (key.as_str(), value))
}

/// A key as a part of a JSON pointer (RFC 6901).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
