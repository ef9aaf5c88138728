//! What a release has offered to callers of the services is offered by every later one.

use std::{collections::BTreeSet, fs, path::Path};

/// Release, and a line of its outline.
fn released() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released");
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let release = path.file_stem().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("a file");
        lines.extend(
            text.lines()
                .map(|line| (release.clone().into_owned(), line.to_owned())),
        );
    }
    lines
}

#[test]
fn every_method_field_and_value_ever_released_is_there_with_its_number_and_type() {
    let now: BTreeSet<_> = rpc::outline().expect("descriptors").into_iter().collect();
    let released = released();
    assert!(released.len() > 100, "{}", released.len());
    let lost: Vec<_> = released
        .iter()
        .filter(|(_, line)| !now.contains(line))
        .collect();
    assert!(
        lost.is_empty(),
        "callers of these releases rely on {lost:#?}: leave them, and add beside them"
    );
}
