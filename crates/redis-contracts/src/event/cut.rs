//! Long texts stand in events as their beginning: an event goes to every gateway, stream and timeline, and
//! who needs the whole text reads the resource.

use serde_json::{Map, Value as Json, json, value::RawValue};

/// Bytes of a text that stands whole.
pub const LONGEST_TEXT: usize = 2048;

/// Names the fields of `data` whose texts were cut.
const CUT: &str = "cut";

/// The data of an event, each of its texts cut to [`LONGEST_TEXT`] bytes, between characters; `cut` names
/// those that were. In `changes` a long text stands as `{"cut":true}`.
pub(super) fn cut(data: Box<RawValue>) -> Result<Box<RawValue>, serde_json::Error> {
    if data.get().len() <= LONGEST_TEXT {
        return Ok(data);
    }
    let Json::Object(mut fields) = serde_json::from_str(data.get())? else {
        return Ok(data);
    };
    let cut_now = cut_texts(&mut fields);
    let changed = fields.get_mut("changes").is_some_and(cut_changes);
    if cut_now.is_empty() && !changed {
        return Ok(data);
    }
    if !cut_now.is_empty() {
        let names = fields.entry(CUT).or_insert_with(|| json!([]));
        if let Json::Array(names) = names {
            names.extend(cut_now.into_iter().map(Json::String));
        }
    }
    serde_json::value::to_raw_value(&fields)
}

/// The names of those that were cut.
fn cut_texts(fields: &mut Map<String, Json>) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in fields {
        if let Json::String(text) = value
            && text.len() > LONGEST_TEXT
        {
            text.truncate(text.floor_char_boundary(LONGEST_TEXT));
            names.push(name.clone());
        }
    }
    names
}

/// Whether there was something to cut.
fn cut_changes(changes: &mut Json) -> bool {
    let sides = changes
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut)
        .filter_map(Json::as_object_mut)
        .flat_map(Map::values_mut);
    let mut changed = false;
    for side in sides {
        if side.as_str().is_some_and(|text| text.len() > LONGEST_TEXT) {
            *side = json!({CUT: true});
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_json(data: Json) -> Json {
        let data = serde_json::value::to_raw_value(&data).expect("JSON");
        let cut = cut(data).expect("JSON");
        serde_json::from_str(cut.get()).expect("JSON")
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_named() {
        let euros = "\u{20ac}".repeat(1000);
        let data = json!({"title": "short", "description": euros, "version": 7});
        let cut = cut_json(data.clone());
        assert_eq!(cut["description"], "\u{20ac}".repeat(682), "2,046 bytes");
        assert_eq!(cut["cut"], json!(["description"]));
        assert_eq!(
            (&cut["title"], &cut["version"]),
            (&data["title"], &data["version"])
        );
        assert_eq!(cut_json(cut.clone()), cut, "once is enough");
    }

    #[test]
    fn in_changes_a_long_text_is_only_said_to_be_one() {
        let (long, short) = ("x".repeat(LONGEST_TEXT + 1), "x".repeat(LONGEST_TEXT));
        let data = json!({
            "description": short,
            "changes": {"description": {"from": long, "to": short}, "labels": {"from": [], "to": ["a"]}},
        });
        let mut expected = data.clone();
        expected["changes"]["description"]["from"] = json!({"cut": true});
        assert_eq!(cut_json(data), expected);
    }

    #[test]
    fn what_has_no_long_text_stays_byte_for_byte() {
        for data in [
            json!({"b": "x".repeat(LONGEST_TEXT), "a": [1, 2]}),
            json!({"labels": vec!["x".repeat(64); 40]}),
            json!(["x".repeat(5000)]),
        ] {
            let text = serde_json::value::to_raw_value(&data).expect("JSON");
            assert_eq!(cut(text.clone()).expect("JSON").get(), text.get());
        }
    }
}
