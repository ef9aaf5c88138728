//! What a release has offered to callers of the API is offered by every later one: each file of
//! `tests/released/` is the document of one release, and is never changed.

use std::{fs, path::Path};

use serde_json::Value;

use super::comparison::Comparison;

#[test]
fn callers_of_every_release_find_what_they_rely_on() {
    let now: Value = serde_json::from_str(&ui_gateway::openapi()).expect("JSON");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released");
    let mut releases = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a file");
        let released = serde_json::from_str(&text).expect("JSON");
        let comparison = Comparison {
            released: &released,
            now: &now,
        };
        let faults = comparison.faults();
        assert!(
            faults.is_empty(),
            "callers of {} rely on this, leave it and add beside it: {faults:#?}",
            path.display()
        );
        releases += 1;
    }
    assert!(releases > 0, "a release is kept");
}
