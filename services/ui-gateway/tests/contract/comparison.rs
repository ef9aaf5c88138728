//! Two documents of the API, and what is said of both.

use serde_json::{Map, Value};

/// Which way a value goes, and so who has to understand it: the gateway what callers of a release
/// send, they what it answers.
#[derive(Clone, Copy, PartialEq)]
pub enum Direction {
    Sent,
    Answered,
}

/// A released document beside the one that is written now.
pub struct Comparison<'a> {
    pub released: &'a Value,
    pub now: &'a Value,
}

impl<'a> Comparison<'a> {
    /// What breaks callers of the released document, by its place.
    pub fn faults(&self) -> Vec<String> {
        let paths = object(&self.released["paths"]);
        let operations = paths.flat_map(|(path, methods)| {
            object(methods).map(move |(method, released)| (path, method, released))
        });
        operations
            .flat_map(|(path, method, released)| {
                let place = format!("{} {path}", method.to_uppercase());
                match self.now["paths"][path.as_str()].get(method) {
                    Some(now) => self.operation(released, now, &place),
                    None => vec![format!("{place} is gone")],
                }
            })
            .collect()
    }
}

/// What a reference points to; anything else is itself.
pub fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document
            .pointer(reference.trim_start_matches('#'))
            .expect("a reference within the document"),
        None => value,
    }
}

/// The members of an object; none where it is another thing, or missing.
pub fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// The elements of a list; none where it is another thing, or missing.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
