//! Wrong fields, each named.

use redis_contracts::{AI_EVENTS, FEEDBACK, INTERACTIONS};

use super::*;

#[track_caller]
fn wrong<T: std::fmt::Debug>(answer: Result<T, Problem>, fields: &[&str]) {
    let problem = answer.expect_err("refused");
    let named: Vec<_> = problem
        .errors
        .iter()
        .map(|error| error.field.as_str())
        .collect();
    assert_eq!((problem.code.name(), &named[..]), ("invalid", fields));
}

#[tokio::test]
async fn wrong_fields_are_named_and_nothing_is_recorded() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    for message in ["", " \n ", "a\u{0}b", &"x".repeat(8001)] {
        wrong(fixture.chat(&person, question(message)).await, &["message"]);
    }
    fixture.ask(&person, &"e\u{301}".repeat(8000)).await;
    let reply = fixture.ask(&person, "Hello").await;

    let other = || rating(&reply, 3);
    for (bad, fields) in [
        (rating(&reply, 0), &["rating"][..]),
        (rating(&reply, 6), &["rating"]),
        (
            GiveFeedbackRequest {
                target_type: "task".to_owned(),
                ..other()
            },
            &["target_type"],
        ),
        (
            GiveFeedbackRequest {
                comment: "x".repeat(2001),
                ..other()
            },
            &["comment"],
        ),
        (
            GiveFeedbackRequest {
                tags: vec!["t".to_owned(); 11],
                ..other()
            },
            &["tags"],
        ),
        (
            GiveFeedbackRequest {
                tags: vec![
                    String::new(),
                    "a\nb".to_owned(),
                    "t".repeat(65),
                    "fine".to_owned(),
                ],
                rating: 9,
                ..other()
            },
            &["rating", "tags[0]", "tags[1]", "tags[2]"],
        ),
    ] {
        wrong(fixture.rate(&person, bad, None).await, fields);
    }
    let task_id = uuid::Uuid::now_v7().to_string();
    let suggestion = |kind: &str, task_id: &str| {
        Some(Suggestion {
            kind: kind.to_owned(),
            task_id: task_id.to_owned(),
            label: String::new(),
        })
    };
    for (kind, given, fields) in [
        ("asked", None, &["kind"][..]),
        ("", None, &["kind"]),
        ("accepted", None, &["suggestion"]),
        ("dismissed", None, &["suggestion"]),
        (
            "accepted",
            suggestion("rewrite", &task_id),
            &["suggestion.kind"],
        ),
        (
            "accepted",
            suggestion("split", "17"),
            &["suggestion.task_id"],
        ),
    ] {
        let bad = interaction(&reply, kind, given);
        wrong(fixture.interact(&person, bad, None).await, fields);
    }
    for key in ["", &"k".repeat(129)] {
        wrong(
            fixture
                .keyed_chat(&person, question("Hello"), Some(key))
                .await,
            &["idempotency-key"],
        );
    }
    assert_eq!(fixture.events(&AI_EVENTS).await.len(), 2);
    assert_eq!(fixture.events(&INTERACTIONS).await.len(), 2);
    assert!(fixture.events(&FEEDBACK).await.is_empty());
}
