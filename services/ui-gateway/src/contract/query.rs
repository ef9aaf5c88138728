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

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;
    use service_kit::Code;

    use super::*;
    use crate::contract::Optional;

    #[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Page {
        #[schemars(range(min = 1, max = 200))]
        limit: Optional<u32>,
        cursor: Optional<String>,
        overdue: bool,
    }

    fn parameters(query: &str) -> Result<Page, Problem> {
        read_query(&Shape::of::<Page>().expect("a known form"), query)
    }

    #[test]
    fn a_query_is_text_and_what_it_does_not_know_it_leaves() {
        let page = |limit, cursor: Option<&str>| Page {
            limit: Optional(limit),
            cursor: Optional(cursor.map(str::to_owned)),
            overdue: false,
        };
        for (query, expected) in [
            ("", page(None, None)),
            ("limit=1", page(Some(1), None)),
            ("limit=200&x=y", page(Some(200), None)),
            ("limit=&cursor=&limit=7", page(Some(7), None)),
            ("limit=7&limit=0", page(Some(7), None)),
            ("cursor=a+b%26%C3%A9", page(None, Some("a b&é"))),
            ("cursor=7", page(None, Some("7"))),
        ] {
            assert_eq!(parameters(query), Ok(expected), "{query}");
        }
        assert!(parameters("overdue=true").expect("a page").overdue);
        for query in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=ten",
            "limit=99999999999999",
        ] {
            let problem = parameters(query).expect_err(query);
            let error = &problem.errors[0];
            assert_eq!(
                (problem.code, error.field.as_str()),
                (Code::Invalid, "limit")
            );
            assert_eq!(error.message, "expected a whole number from 1 to 200");
        }
    }
}
