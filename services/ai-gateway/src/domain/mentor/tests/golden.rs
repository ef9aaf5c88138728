//! The same facts in every style.

use std::{fmt::Write, path::Path};

use super::sample::{ask, busy, empty, name, styles};
use crate::domain::mentor::{Composed, facts::Project};

#[test]
fn a_briefing_reads_well_in_every_style() {
    check("briefing", &[("Hello!", vec![busy()])]);
}

#[test]
fn what_is_asked_is_what_is_answered() {
    let unknown = Project {
        changes: None,
        ..busy()
    };
    check(
        "questions",
        &[
            ("What should I do next?", vec![busy()]),
            ("What changed?", vec![busy()]),
            ("What changed?", vec![unknown]),
            ("What is overdue?", vec![busy()]),
            ("What is stuck?", vec![busy()]),
            ("How is ECH-7?", vec![busy()]),
            ("What can you do?", vec![busy()]),
        ],
    );
}

#[test]
fn little_is_said_where_there_is_little() {
    let board = Project {
        next: busy().next,
        ..empty("ECH")
    };
    check(
        "little",
        &[
            ("Hello", vec![]),
            ("Hello", vec![empty("ECH")]),
            ("What next?", vec![empty("ECH"), empty("OPS")]),
            ("What is overdue?", vec![empty("ECH")]),
            ("What waits for review?", vec![empty("ECH")]),
            ("How is ECH-99?", vec![empty("ECH")]),
            ("Hello", vec![board]),
        ],
    );
}

#[test]
fn several_projects_are_told_of_in_one_reply() {
    let others = ["OPS", "LAB", "QA", "WEB"].map(|key| Project {
        changes: busy().changes,
        ..empty(key)
    });
    let projects = [vec![busy()], others.to_vec()].concat();
    check("several", &[("Hello", projects)]);
}

/// Compares the answers to these questions, in every style, with a golden file.
fn check(file: &str, asked: &[(&str, Vec<Project>)]) {
    let mut text = String::new();
    for style in styles() {
        let _ = writeln!(text, "=== {}\n", name(&style));
        let mut said = Vec::new();
        for (message, projects) in asked {
            let reply = ask(message, projects, &style);
            if !said.contains(&reply) {
                let _ = writeln!(text, "> {message}\n{}", shown(&reply));
            }
            said.push(reply);
        }
    }
    let path = format!("tests/golden/{file}.txt");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("GOLDEN").is_some() {
        std::fs::write(&path, &text).expect("a golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == golden,
        "{} differs; this is said:\n{text}",
        path.display()
    );
}

fn shown(reply: &Composed) -> String {
    let mut text = format!("{}\n", reply.text);
    let references: Vec<_> = reply.references.iter().map(|of| of.name.as_str()).collect();
    if !references.is_empty() {
        let _ = writeln!(text, "  refers to {}", references.join(", "));
    }
    for suggestion in &reply.suggestions {
        let _ = writeln!(text, "  [{}]", suggestion.label);
    }
    text
}
