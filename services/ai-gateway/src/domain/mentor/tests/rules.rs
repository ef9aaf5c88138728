//! What holds of every reply.

use proptest::prelude::*;
use redis_contracts::Timestamp;
use time::Duration;

use super::sample::{ASKER, ask, busy, empty, list, now, styles, task};
use crate::domain::mentor::{
    Composed, ReferenceKind,
    facts::{Changes, Project, Status, Task},
    wording::day_of,
};

const MESSAGES: [&str; 9] = [
    "Hello",
    "What changed?",
    "What next?",
    "What is overdue?",
    "What is stuck?",
    "What waits for review?",
    "What is too big?",
    "How is ECH-3?",
    "Help",
];

fn any_task() -> impl Strategy<Value = Task> {
    let status = prop_oneof![
        Just(Status::Todo),
        Just(Status::InProgress),
        Just(Status::InReview)
    ];
    let due = proptest::option::of(-400_i64..400);
    let title = prop_oneof![
        "\\PC{1,300}",
        ".{1,40}",
        Just("\"a\nb\"\u{202e}".to_owned())
    ];
    (1..30_u32, title, status, due, 0..900_u32, 0..500_i64).prop_map(
        |(number, title, status, due, open_steps, unchanged)| Task {
            due_on: due.map(|days| day_of(now()) + Duration::days(days)),
            open_steps,
            updated_at: Timestamp::from_unix_ms(now().unix_ms() - unchanged * 86_400_000),
            ..task(number, &title, status)
        },
    )
}

fn any_project() -> impl Strategy<Value = Project> {
    let lists = proptest::collection::vec(proptest::collection::vec(any_task(), 0..10), 5);
    let changes = prop_oneof![
        Just(None),
        Just(Some(Changes::default())),
        Just(busy().changes)
    ];
    let key = prop_oneof![Just("ECH"), Just("OPS"), Just("ABCDEFGHIJ"), Just("QA")];
    (key, lists, changes).prop_map(|(key, lists, changes)| {
        let mut lists = lists.into_iter().map(list);
        let mut next = || lists.next().unwrap_or_default();
        Project {
            overdue: next(),
            stuck: next(),
            unreviewed: next(),
            big: next(),
            next: next(),
            changes,
            ..empty(key)
        }
    })
}

fn check(reply: &Composed) -> Result<(), TestCaseError> {
    let text = &reply.text;
    prop_assert!(!text.is_empty() && text.chars().count() <= 4000, "{text}");
    let is_plain = |letter: char| letter == '\n' || !letter.is_control();
    prop_assert!(text.chars().all(is_plain), "{text:?}");
    prop_assert!(reply.suggestions.len() <= 3);
    for suggestion in &reply.suggestions {
        let mut references = reply.references.iter();
        prop_assert!(
            references.any(|of| of.kind == ReferenceKind::Task && of.id == suggestion.task_id),
            "{suggestion:?} without a reference: {text}"
        );
    }
    // Whatever looks like a reference is one.
    let unquoted: String = text.split('"').step_by(2).collect();
    let words = unquoted.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    for word in words.filter(|word| word.starts_with("ECH")) {
        prop_assert!(
            reply.references.iter().any(|of| of.name == word) || text.starts_with("There is no"),
            "{word} is not among the references: {text}"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_claim_has_its_reference(projects in proptest::collection::vec(any_project(), 0..6)) {
        for style in styles() {
            for message in MESSAGES {
                check(&ask(message, &projects, &style))?;
            }
        }
    }
}

#[test]
fn what_presses_comes_first_and_each_list_is_heard() {
    for style in styles() {
        let text = ask("What next?", &[busy()], &style).text;
        let place = |name: &str| text.find(name).unwrap_or(usize::MAX);
        assert!(place("ECH-12") < place("ECH-7"), "{text}");
        assert!(
            text.contains("ECH-7 "),
            "the second is what is stuck: {text}"
        );
        assert!(place("ECH-7") <= place("ECH-5"), "{text}");
    }
}

#[test]
fn a_task_is_told_of_once_under_its_most_pressing_reason() {
    let both = Task {
        open_steps: 5,
        due_on: Some(day_of(now()) - Duration::days(2)),
        ..task(1, "Both", Status::Todo)
    };
    let project = Project {
        overdue: list(vec![both.clone()]),
        big: list(vec![both.clone()]),
        next: list(vec![both]),
        ..empty("ECH")
    };
    for style in styles() {
        let reply = ask("What next?", std::slice::from_ref(&project), &style);
        assert_eq!(reply.text.matches("ECH-1 ").count(), 1, "{}", reply.text);
        assert!(reply.text.contains("due 2 days ago") || reply.text.contains("3 March 2026"));
        let labels: Vec<_> = reply
            .suggestions
            .iter()
            .map(|of| of.label.as_str())
            .collect();
        assert_eq!(labels, ["Split ECH-1 into 5 tasks"]);
    }
}

#[test]
fn only_what_was_told_counts_as_seen() {
    let other = |key: &str| Project {
        changes: busy().changes,
        ..empty(key)
    };
    let projects = [
        busy(),
        other("OPS"),
        other("LAB"),
        other("QA"),
        other("WEB"),
    ];
    for style in styles() {
        let told = ask("What changed?", &projects, &style);
        assert_eq!(told.seen.len(), 3);
        for project in &projects {
            let line = format!("{}: ", project.key);
            let is_told = told.text.contains(&line);
            assert_eq!(
                told.seen.contains_key(&project.id),
                is_told,
                "{}",
                told.text
            );
        }
        assert_eq!(ask("What next?", &projects, &style).seen.len(), 0);
    }
}

#[test]
fn whose_changes_they_were_is_said_when_all_were_the_askers() {
    let mut project = busy();
    let changes = project.changes.as_mut().expect("changes");
    for change in &mut changes.latest {
        change.actor = ASKER.to_string();
    }
    for style in styles() {
        let text = ask("What changed?", std::slice::from_ref(&project), &style).text;
        assert!(text.contains("all your own"), "{text}");
        assert!(!text.contains("Welcome"), "{text}");
    }
}

#[test]
fn a_task_that_is_gone_is_not_named() {
    let mut project = busy();
    let changes = project.changes.as_mut().expect("changes");
    let mut deleted = changes.latest[1].clone();
    deleted.type_name = "devmentor.task.deleted.v1".to_owned();
    changes.latest.insert(0, deleted);
    changes.total += 1;
    changes
        .by_type
        .insert("devmentor.task.deleted.v1".to_owned(), 1);
    for style in styles() {
        let text = ask("What changed?", std::slice::from_ref(&project), &style).text;
        assert!(
            text.contains("1 deletion") && !text.contains("ECH-14"),
            "{text}"
        );
    }
}

#[test]
fn unknown_events_are_counted() {
    let mut project = busy();
    let changes = project.changes.as_mut().expect("changes");
    changes
        .by_type
        .insert("devmentor.member.added.v1".to_owned(), 2);
    changes.total += 2;
    let text = ask("What changed?", &[project], &styles()[0]).text;
    assert!(text.contains("and 2 other changes"), "{text}");
}
