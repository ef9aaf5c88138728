//! Events that a release has written are read by every later one, and nothing in them goes away: each
//! folder of `tests/released/` holds the golden files of one release, and is never changed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use redis_contracts::event::{Event, EventBody};
use serde_json::{Map, Value as Json, json};

/// Type name, and the event of it that a release wrote.
fn released() -> Vec<(String, Json)> {
    let releases = files(&tests().join("released"));
    let events = releases.iter().flat_map(|release| files(release));
    events.map(|path| (name_of(&path), read(&path))).collect()
}

fn tests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

fn name_of(path: &Path) -> String {
    let name = path.file_stem().expect("a name");
    name.to_str().expect("UTF-8").to_owned()
}

fn read(path: &Path) -> Json {
    let text = fs::read_to_string(path).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn every_event_ever_released_is_read_and_nothing_of_it_is_lost() {
    let released = released();
    assert!(released.len() >= EventBody::TYPES.len() / 2, "{released:?}");
    for (name, event) in released {
        let read = Event::decode(&event.to_string()).expect(&name);
        let known = !matches!(read.body, EventBody::Unknown { .. });
        assert!(known, "{name} is a type that was released");
        let written: Json = serde_json::from_str(&read.encode().expect("JSON")).expect("JSON");
        assert_eq!(written, event, "{name}");
    }
}

#[test]
fn what_is_written_now_has_all_that_a_reader_of_a_release_expects() {
    for (name, event) in released() {
        let now = read(&tests().join("golden").join(format!("{name}.json")));
        if let Some(lost) = lost(&event, &now, "") {
            panic!("{name}: {lost} was released: give the type a new version instead");
        }
    }
}

/// The place of a property that is missing, or of another kind.
fn lost(released: &Json, now: &Json, place: &str) -> Option<String> {
    match (released, now) {
        (Json::Object(released), Json::Object(now)) => lost_property(released, now, place),
        (Json::Array(released), Json::Array(now)) => {
            let both = released.iter().zip(now);
            both.into_iter()
                .find_map(|(released, now)| lost(released, now, &format!("{place}[]")))
        }
        // What may be null has a value in another event.
        (Json::Null, _) | (_, Json::Null) => None,
        _ if kind(released) == kind(now) => None,
        _ => Some(format!("{place} as {}", kind(released))),
    }
}

fn lost_property(
    released: &Map<String, Json>,
    now: &Map<String, Json>,
    place: &str,
) -> Option<String> {
    released.iter().find_map(|(name, value)| {
        let place = format!("{place}/{name}");
        match now.get(name) {
            Some(now) => lost(value, now, &place),
            None => Some(place),
        }
    })
}

const fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[test]
fn what_a_later_release_adds_is_left_alone() {
    for (name, mut event) in released() {
        let before = Event::decode(&event.to_string()).expect(&name);
        event["added"] = json!(1);
        event["data"]["added"] = json!({"by": ["a later release"]});
        assert_eq!(Event::decode(&event.to_string()), Ok(before), "{name}");
    }
}

#[test]
fn what_a_reader_would_miss_is_found() {
    let released =
        json!({"data": {"id": "x", "labels": ["a"], "due_on": null, "author": {"name": "n"}}});
    let mut grown = released.clone();
    grown["data"]["epic_id"] = json!("y");
    grown["data"]["due_on"] = json!("2026-01-31");
    assert_eq!(lost(&released, &grown, ""), None);
    for (pointer, value, found) in [
        ("/data/id", json!(7), "/data/id as text"),
        ("/data/labels", json!([1]), "/data/labels[] as text"),
        ("/data/author", json!({}), "/data/author/name"),
        ("/data", json!({}), "/data/author"),
    ] {
        let mut now = released.clone();
        *now.pointer_mut(pointer).expect("a place") = value;
        assert_eq!(lost(&released, &now, "").as_deref(), Some(found));
    }
}
