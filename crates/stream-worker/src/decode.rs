//! From an entry as anyone may have written it to an event, or to the reason why it is none.

use redis_access::RawEntry;
use redis_contracts::{
    EVENT_FIELD,
    event::{Event, EventBody},
};
use serde_json::{Map, Value};

/// Why an entry cannot be read, and what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undecodable {
    /// The event as it came; all fields as JSON where there is none.
    pub(crate) kept: String,
    /// Why.
    pub(crate) reason: String,
}

/// The event of an entry.
pub(crate) fn decode(entry: &RawEntry) -> Result<Event, Undecodable> {
    let undecodable = |reason: String| Undecodable {
        kept: kept(entry),
        reason,
    };
    let text = match event_text(entry) {
        Some(text) => text.map_err(|_| undecodable("field `event` is no UTF-8".to_owned()))?,
        None => return Err(undecodable("no field `event`".to_owned())),
    };
    let event = Event::decode(text).map_err(|error| undecodable(error.to_string()))?;
    match &event.body {
        EventBody::Unknown { type_name, .. } => Err(undecodable(format!(
            "type or version `{type_name}` is not known"
        ))),
        _ => Ok(event),
    }
}

/// What a dead letter keeps of an entry.
pub(crate) fn kept(entry: &RawEntry) -> String {
    if let Some(Ok(text)) = event_text(entry) {
        return text.to_owned();
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields = entry.fields.iter();
    let fields: Map<_, _> = fields
        .map(|(name, value)| (text(name), Value::String(text(value))))
        .collect();
    Value::Object(fields).to_string()
}

fn event_text(entry: &RawEntry) -> Option<Result<&str, std::str::Utf8Error>> {
    let event = entry
        .fields
        .iter()
        .find(|(name, _)| name == EVENT_FIELD.as_bytes());
    event.map(|(_, value)| std::str::from_utf8(value))
}

#[cfg(test)]
mod tests {
    use redis_contracts::Position;

    use super::*;

    fn entry(fields: &[(&str, &[u8])]) -> RawEntry {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()));
        RawEntry {
            position: Position::new(1, 0),
            fields: fields.collect(),
        }
    }

    #[test]
    fn each_kind_of_junk_has_its_reason_and_is_kept() {
        let future = r#"{"specversion":"1.0","id":"018f2b6e-0000-7000-8000-000000000005","source":"/x","type":"devmentor.feedback.given.v9","subject":"x","time":"2026-01-01T00:00:00Z","actor":"018f2b6e-0000-7000-8000-000000000004","data":{}}"#;
        type Fields<'a> = &'a [(&'a str, &'a [u8])];
        let cases: [(Fields<'_>, &str, &str); 5] = [
            (&[("x", b"1")], "no field `event`", r#"{"x":"1"}"#),
            (
                &[("event", b"\xff")],
                "no UTF-8",
                "{\"event\":\"\u{fffd}\"}",
            ),
            (&[("event", b"{")], "EOF", "{"),
            (&[("event", b"null")], "invalid type", "null"),
            (&[("event", future.as_bytes())], "feedback.given.v9", future),
        ];
        for (fields, reason, kept) in cases {
            let bad = decode(&entry(fields)).expect_err(reason);
            assert!(bad.reason.contains(reason), "{}", bad.reason);
            assert_eq!(bad.kept, kept);
        }
    }
}
