//! Reads a JSON body.

use serde::de::DeserializeOwned;
use serde_json::Value;
use service_kit::{Checker, Code, Problem};

use super::{Shape, json, place::Place};

/// Reads a body of this shape. What is not JSON is malformed; other JSON than an object is invalid.
pub(crate) fn read_json<T: DeserializeOwned>(shape: &Shape, body: &[u8]) -> Result<T, Problem> {
    let (value, faults) = json::parse(body).map_err(|error| malformed(&error))?;
    if !value.is_object() {
        let detail = "The body has to be a JSON object.";
        return Err(Problem::new(Code::Invalid, detail));
    }
    finish(shape, value, faults)
}

/// The value of a document that has the shape, unless there were faults before.
pub(super) fn finish<T: DeserializeOwned>(
    shape: &Shape,
    value: Value,
    mut faults: Checker,
) -> Result<T, Problem> {
    shape.check(&value, Place::Root, &mut faults);
    faults.finish()?;
    // What the shape lets through, serde takes; a type with a rule of its own is the exception.
    serde_path_to_error::deserialize(value).map_err(|error| {
        let place = error.path().to_string();
        Problem::invalid_field(place, error.into_inner().to_string())
    })
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Code::Malformed, format!("The body is not JSON: {error}."))
}
