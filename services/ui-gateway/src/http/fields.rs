//! A JSON body, field by field: each handler names the fields it takes, and all that is wrong is told
//! at once.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value, error::Category};
use service_kit::{Code, FieldError, Problem};

/// The fields of a body that were not taken yet, and what was wrong with those that were.
pub(super) struct Fields {
    values: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The fields of a JSON object.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(body).map_err(|error| refused(body, &error))
    }

    /// Reads the body. Fields that `make` did not take are unknown.
    pub(super) fn read<T>(mut self, make: impl FnOnce(&mut Self) -> T) -> Result<T, Problem> {
        let made = self.take_all(make);
        if self.errors.is_empty() {
            Ok(made)
        } else {
            Err(Problem::invalid(self.errors))
        }
    }

    /// A text that has to be there.
    pub(super) fn text(&mut self, name: &str) -> String {
        if !self.values.contains_key(name) {
            self.refuse(name, "it is missing");
        }
        self.optional_text(name).unwrap_or_default()
    }

    /// A text that may be left out, and may not be null.
    pub(super) fn optional_text(&mut self, name: &str) -> Option<String> {
        let value = self.values.remove(name)?;
        self.as_text(name, value)
    }

    /// A text that may be left out (`None`) or null (`Some(None)`).
    pub(super) fn nullable_text(&mut self, name: &str) -> Option<Option<String>> {
        match self.values.remove(name)? {
            Value::Null => Some(None),
            value => Some(self.as_text(name, value)),
        }
    }

    /// A text that may be left out or null, which is the same.
    pub(super) fn text_or_null(&mut self, name: &str) -> Option<String> {
        self.nullable_text(name).flatten()
    }

    /// A whole number that has to be there.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        let Some(value) = self.values.remove(name) else {
            self.refuse(name, "it is missing");
            return 0;
        };
        let number = value.as_u64().and_then(|number| number.try_into().ok());
        number.unwrap_or_else(|| {
            self.refuse(name, "expected a whole number");
            0
        })
    }

    /// An object, read by `make`, that may be left out or null, which is the same.
    pub(super) fn object_or_null<T>(
        &mut self,
        name: &str,
        make: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let values = match self.values.remove(name)? {
            Value::Object(values) => values,
            Value::Null => return None,
            _ => {
                self.refuse(name, "expected an object");
                return None;
            }
        };
        let mut inner = Self {
            values,
            errors: Vec::new(),
        };
        let made = inner.take_all(make);
        for FieldError { field, message } in inner.errors {
            self.refuse(&format!("{name}.{field}"), &message);
        }
        Some(made)
    }

    /// Texts that have to be there.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        if !self.values.contains_key(name) {
            self.refuse(name, "it is missing");
        }
        self.optional_texts(name).unwrap_or_default()
    }

    /// Texts that may be left out, and may not be null.
    pub(super) fn optional_texts(&mut self, name: &str) -> Option<Vec<String>> {
        let Value::Array(items) = self.values.remove(name)? else {
            self.refuse(name, "expected a list of texts");
            return None;
        };
        let texts = items.into_iter().enumerate();
        Some(
            texts
                .filter_map(|(index, item)| self.as_text(&format!("{name}[{index}]"), item))
                .collect(),
        )
    }

    /// `true` or `false`; the latter when it is left out.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.values.remove(name) {
            None => {}
            Some(Value::Bool(flag)) => return flag,
            Some(_) => self.refuse(name, "expected true or false"),
        }
        false
    }

    /// Tells that a field is wrong.
    pub(super) fn refuse(&mut self, field: &str, message: &str) {
        self.errors.push(FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        });
    }

    fn take_all<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        let made = make(self);
        for (field, _) in std::mem::take(&mut self.values) {
            self.refuse(&field, "there is no such field");
        }
        made
    }

    fn as_text(&mut self, name: &str, value: Value) -> Option<String> {
        if let Value::String(text) = value {
            return Some(text);
        }
        self.refuse(
            name,
            if value.is_null() {
                "it may not be null"
            } else {
                "expected text"
            },
        );
        None
    }
}

/// What is no JSON is malformed; other JSON than an object is invalid.
fn refused(body: &[u8], error: &serde_json::Error) -> Problem {
    if error.classify() == Category::Data {
        return match serde_json::from_slice::<IgnoredAny>(body) {
            Ok(_) => Problem::new(Code::Invalid, "The body has to be a JSON object."),
            Err(error) => malformed(&error),
        };
    }
    malformed(error)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Code::Malformed, format!("The body is not JSON: {error}."))
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fields, A::Error> {
                let mut fields = Fields {
                    values: Map::new(),
                    errors: Vec::new(),
                };
                while let Some((name, value)) = object.next_entry::<String, Value>()? {
                    if fields.values.contains_key(&name) {
                        fields.refuse(&name, "it is there twice");
                    }
                    fields.values.insert(name, value);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(body: &str, make: impl FnOnce(&mut Fields)) -> (Code, Vec<String>) {
        let problem = Fields::parse(body.as_bytes())
            .and_then(|fields| fields.read(make))
            .expect_err(body);
        (
            problem.code,
            problem
                .errors
                .into_iter()
                .map(|error| error.field)
                .collect(),
        )
    }

    fn take_all(fields: &mut Fields) {
        fields.text("title");
        fields.optional_text("status");
        fields.nullable_text("due_on");
        fields.optional_texts("labels");
        fields.flag("cookies");
    }

    #[test]
    fn a_body_is_read() {
        let body = br#"{"title":"A","labels":["x"],"due_on":null,"cookies":true}"#;
        let fields = Fields::parse(body).expect("an object");
        let read = fields.read(|fields| {
            (
                fields.text("title"),
                fields.optional_text("status"),
                fields.nullable_text("due_on"),
                fields.optional_texts("labels"),
                fields.flag("cookies"),
            )
        });
        let expected = (
            "A".to_owned(),
            None,
            Some(None),
            Some(vec!["x".to_owned()]),
            true,
        );
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn a_merge_patch_tells_absent_from_null_and_value() {
        let due_on = |body: &str| {
            Fields::parse(body.as_bytes())?.read(|fields| fields.nullable_text("due_on"))
        };
        assert_eq!(due_on("{}"), Ok(None));
        assert_eq!(due_on(r#"{"due_on":null}"#), Ok(Some(None)));
        assert_eq!(
            due_on(r#"{"due_on":"2026-01-31"}"#),
            Ok(Some(Some("2026-01-31".to_owned())))
        );
    }

    #[test]
    fn numbers_and_objects_say_what_is_wrong_in_them() {
        let read = |fields: &mut Fields| {
            let inner = fields.object_or_null("inner", |inner| inner.text("kind"));
            (fields.number("rating"), inner)
        };
        let parsed = |body: &str| Fields::parse(body.as_bytes())?.read(read);
        assert_eq!(parsed(r#"{"rating":5}"#), Ok((5, None)));
        assert_eq!(
            parsed(r#"{"rating":0,"inner":null}"#),
            Ok((0, None)),
            "whether it is allowed is the service's to say"
        );
        assert_eq!(
            parsed(r#"{"rating":1,"inner":{"kind":"x"}}"#),
            Ok((1, Some("x".to_owned())))
        );
        for (body, fields) in [
            (r#"{"rating":1.5,"inner":7}"#, ["inner", "rating"]),
            (r#"{"rating":-1,"inner":{}}"#, ["inner.kind", "rating"]),
            (
                r#"{"rating":1e300,"inner":{"kind":"x","more":1}}"#,
                ["inner.more", "rating"],
            ),
            (
                r#"{"rating":18446744073709551615,"inner":[]}"#,
                ["inner", "rating"],
            ),
        ] {
            let problem = parsed(body).expect_err(body);
            let named = problem.errors.iter().map(|error| error.field.as_str());
            assert_eq!(named.collect::<Vec<_>>(), fields, "{body}");
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        let cases: [(&str, &[&str]); 5] = [
            (
                r#"{"status":null,"labels":["x",1],"extra":0}"#,
                &["title", "status", "labels[1]", "extra"],
            ),
            (
                r#"{"title":1,"labels":null,"cookies":"yes"}"#,
                &["title", "labels", "cookies"],
            ),
            (r#"{"title":"A","title":"B"}"#, &["title"]),
            (r#"{"title":{"deep":1},"due_on":[]}"#, &["title", "due_on"]),
            ("{}", &["title"]),
        ];
        for (body, fields) in cases {
            let (code, named) = wrong(body, take_all);
            assert_eq!(code, Code::Invalid);
            assert_eq!(named, fields, "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed_and_no_depth_overflows() {
        let deep = format!("{{\"title\":{}", "[".repeat(500_000));
        let deeper = "[".repeat(900_000);
        for body in [
            "",
            "{",
            "[1,",
            "{\"title\":\"\u{1}\"}",
            r#"{"title":"\ud800"}"#,
            "nul",
            &deep,
            &deeper,
        ] {
            assert_eq!(wrong(body, take_all).0, Code::Malformed, "{body:.20}");
        }
        assert!(
            Fields::parse(b"{\"title\":\"\xff\"}")
                .is_err_and(|problem| problem.code == Code::Malformed)
        );
        for body in ["[]", "null", "1", "\"text\""] {
            assert_eq!(wrong(body, take_all), (Code::Invalid, vec![]), "{body}");
        }
    }
}
