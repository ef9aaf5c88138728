//! Reads the parameters of a URL.

use actix_web::web::Query;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use service_kit::{Checker, Problem};

use super::{Shape, read::finish};

/// Reads the parameters of a URL as an object of this shape. One without a value is not there, of several
/// the first one counts, and unknown ones are not looked at: links that people keep may have them.
pub(crate) fn read_query<T: DeserializeOwned>(shape: &Shape, query: &str) -> Result<T, Problem> {
    // What cannot be decoded has no parameters.
    let pairs = Query::<Vec<(String, String)>>::from_query(query);
    let pairs = pairs.map(Query::into_inner).unwrap_or_default();
    let mut object = Map::new();
    for (name, text) in pairs {
        if let Some(field) = shape.field(&name)
            && !text.is_empty()
            && !object.contains_key(&name)
        {
            object.insert(name, field.value_of(text));
        }
    }
    finish(shape, Value::Object(object), Checker::default())
}
