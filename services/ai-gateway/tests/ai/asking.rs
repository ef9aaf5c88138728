//! What is asked and what is replied.

use std::collections::BTreeMap;

use redis_contracts::{
    AI_EVENTS, CONVERSATION, CONVERSATIONS, ConversationMessage, DIMENSIONS, INTERACTIONS, MEMORY,
    REPLY,
    event::{EventBody, InteractionKind},
};
use rpc::ai::ChatRequest;
use serde_json::json;
use uuid::Uuid;

use super::*;

#[tokio::test]
async fn a_reply_is_recorded_once_with_its_events_and_its_conversation() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    let project = person.create_project("REC").await;
    let reply = fixture.ask_about(&person, &project, "Hello").await;
    assert_eq!((reply.source.as_str(), reply.cached), ("built_in", false));
    assert_eq!(
        (reply.profile_version, reply.style.len()),
        (0, DIMENSIONS.len())
    );

    let replied = fixture.events(&AI_EVENTS).await;
    let [(_, event)] = &replied[..] else {
        panic!("{replied:?}")
    };
    assert_eq!(event.source, "/ai-gateway");
    assert_eq!(event.subject, format!("reply/{}", reply.message_id));
    assert_eq!(event.actor.to_string(), person.id);
    assert_eq!(event.traceparent.as_deref(), Some(TRACEPARENT));
    let EventBody::MentorReplied(data) = &event.body else {
        panic!("{event:?}")
    };
    assert_eq!(data.message_id.to_string(), reply.message_id);
    assert_eq!(data.conversation_id.to_string(), reply.conversation_id);
    assert_eq!(data.project_id.map(|id| id.to_string()), Some(id(&project)));
    assert!(
        (data.propensity - 1.0 / 12.0).abs() < 1e-9,
        "{}",
        data.propensity
    );

    let asked = fixture.events(&INTERACTIONS).await;
    let [(_, event)] = &asked[..] else {
        panic!("{asked:?}")
    };
    let EventBody::InteractionRecorded(data) = &event.body else {
        panic!("{event:?}")
    };
    assert_eq!(data.kind, InteractionKind::Asked);
    assert_eq!(
        data.message_id.map(|id| id.to_string()),
        Some(reply.message_id.clone())
    );

    let message_id: Uuid = reply.message_id.parse().expect("a UUID");
    let held: BTreeMap<String, String> = fixture
        .redis(&["HGETALL", REPLY.key(message_id).name()])
        .await;
    assert_eq!(held["user_id"], person.id);
    let style: BTreeMap<String, String> = serde_json::from_str(&held["style"]).expect("a style");
    assert_eq!(
        style.into_iter().collect::<BTreeMap<_, _>>(),
        reply.style.clone().into_iter().collect()
    );

    let on = ChatRequest {
        conversation_id: reply.conversation_id.clone(),
        ..question("And next?\r\nReally?")
    };
    let next = fixture.chat(&person, on).await.expect("a reply");
    assert_eq!(next.conversation_id, reply.conversation_id);
    let conversation_id: Uuid = reply.conversation_id.parse().expect("a UUID");
    let key = CONVERSATION.key(conversation_id);
    let held: BTreeMap<String, String> = fixture.redis(&["HGETALL", key.name()]).await;
    assert_eq!(
        (held["count"].as_str(), held["user_id"].as_str()),
        ("4", person.id.as_str())
    );
    let message = |place: usize| -> ConversationMessage {
        serde_json::from_str(&held[&format!("message:{place}")]).expect("a message")
    };
    assert_eq!(
        (message(1).role.as_str(), message(1).text.as_str()),
        ("person", "Hello")
    );
    assert_eq!(
        (message(2).role.as_str(), message(2).text),
        ("mentor", reply.text)
    );
    assert_eq!(message(2).message_id, Some(message_id));
    assert_eq!(message(3).text, "And next?\nReally?");
    let user_id: Uuid = person.id.parse().expect("a UUID");
    let listed: Vec<String> = fixture
        .redis(&["ZRANGE", CONVERSATIONS.key(user_id).name(), "0", "-1"])
        .await;
    assert_eq!(listed, [reply.conversation_id]);
    for key in [
        key.name(),
        REPLY.key(message_id).name(),
        MEMORY.key(user_id).name(),
    ] {
        let left: i64 = fixture.redis(&["TTL", key]).await;
        assert!(left > 89 * 86_400, "{key} ends in {left} s");
    }
}

#[tokio::test]
async fn every_reference_is_a_task_or_project_of_the_askers() {
    let fixture = Fixture::start().await;
    let (person, other) = tokio::join!(fixture.platform.person(), fixture.platform.person());
    let theirs = other.create_project("ONE").await;
    overdue_task(&other, &theirs).await;
    let (one, two) = (
        person.create_project("ONE").await,
        person.create_project("TWO").await,
    );
    let overdue = overdue_task(&person, &one).await;
    let big = big_task(&person, &two).await;
    person.create_task(&two, "Write\u{2028}\"it\" down").await;
    let started = person.create_task(&two, "Under way").await;
    for message in ["Hello", "What should I do next?", "How is two-2?"] {
        // Styles are drawn; each shows other tasks.
        for _ in 0..4 {
            let reply = fixture.ask(&person, message).await;
            assert!(!reply.references.is_empty(), "{}", reply.text);
            for reference in &reply.references {
                let path = format!("/api/{}s/{}", reference.r#type, reference.id);
                let found = person.get(&path).await.expect(200);
                let name = if reference.r#type == "task" {
                    "ref"
                } else {
                    "key"
                };
                assert_eq!(found[name], reference.r#ref, "{}", reply.text);
            }
            for suggestion in &reply.suggestions {
                let mut references = reply.references.iter();
                assert!(
                    references.any(|of| of.id == suggestion.task_id),
                    "{reply:?}"
                );
            }
        }
    }
    let reply = fixture.ask(&person, "What should I do next?").await;
    assert!(
        reply.text.contains("ONE-1") && reply.text.contains("TWO-1"),
        "{}",
        reply.text
    );
    let suggested: Vec<_> = reply
        .suggestions
        .iter()
        .map(|of| (of.kind.as_str(), of.task_id.clone()))
        .collect();
    assert_eq!(
        suggested[..2],
        [("set_due_date", id(&overdue)), ("split", id(&big))]
    );
    let path = format!("/api/tasks/{}", id(&started));
    person
        .patch(&path, json!({"status": "in_progress"}))
        .await
        .expect(200);
    let reply = fixture.ask(&person, "And TWO-3?").await;
    let expected = "TWO-3 \"Under way\" is in progress.";
    assert!(reply.text.starts_with(expected), "{}", reply.text);
    let names = |reply: &Reply| -> Vec<String> {
        let references = reply.references.iter();
        references.map(|of| of.r#ref.clone()).collect()
    };
    assert_eq!(names(&reply), ["TWO-3"], "no list has it");
    let reply = fixture.ask(&person, "And TWO-4?").await;
    assert_eq!(reply.text, "There is no TWO-4 in your projects.");
    let reply = fixture.ask(&person, "How is two-2?").await;
    assert!(
        reply.text.starts_with("TWO-2 \"Write'it' down\""),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn what_changed_is_told_from_where_the_asker_was() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    let project = person.create_project("CHG").await;
    let first = fixture.ask_about(&person, &project, "What changed?").await;
    assert!(
        first.text.contains("no record of your last visit to CHG"),
        "{}",
        first.text
    );
    assert!(first.text.contains("no tasks yet"), "{}", first.text);
    let quiet = fixture.ask_about(&person, &project, "What changed?").await;
    assert_eq!(
        quiet.text,
        "Nothing has changed in CHG since you were last here."
    );

    person.create_task(&project, "New").await;
    person.create_task(&project, "Newer").await;
    let next = fixture.ask_about(&person, &project, "What next?").await;
    assert!(!next.text.contains("new task"), "{}", next.text);
    let changed = fixture.ask_about(&person, &project, "What changed?").await;
    assert!(
        changed.text.contains("CHG: 2 new tasks, all your own."),
        "{}",
        changed.text
    );
    assert!(
        changed.text.contains("CHG-2 \"Newer\" was added"),
        "{}",
        changed.text
    );
    let again = fixture.ask_about(&person, &project, "What changed?").await;
    assert_eq!(again.text, quiet.text, "it is told once");
}

#[tokio::test]
async fn where_there_is_nothing_one_sentence_is_said() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    let none = fixture.ask(&person, "Hello").await;
    assert_eq!(
        none.text,
        "You have no active projects, so there is nothing to tell yet."
    );
    let project = person.create_project("NIL").await;
    let silent = fixture.ask_about(&person, &project, "What next?").await;
    assert_eq!(silent.text, "Nothing in NIL needs you now.");
    for reply in [none, silent] {
        assert!(reply.suggestions.is_empty());
    }
    let gone = person.create_project("OLD").await;
    overdue_task(&person, &gone).await;
    let path = format!("/api/projects/{}", id(&gone));
    person
        .patch(&path, json!({"status": "archived"}))
        .await
        .expect(200);
    let reply = fixture.ask(&person, "What next?").await;
    assert!(
        !reply.text.contains("OLD"),
        "archived projects need nobody: {}",
        reply.text
    );
}

#[tokio::test]
async fn what_is_not_theirs_is_not_there() {
    let fixture = Fixture::start().await;
    let (person, stranger) = tokio::join!(fixture.platform.person(), fixture.platform.person());
    let project = person.create_project("OWN").await;
    let reply = fixture.ask(&person, "Hello").await;
    let about = |conversation_id: &str, project_id: &str| ChatRequest {
        conversation_id: conversation_id.to_owned(),
        project_id: project_id.to_owned(),
        message: "Hello".to_owned(),
    };
    let unknown = Uuid::now_v7().to_string();
    for asked in [
        about(&reply.conversation_id, ""),
        about(&unknown, ""),
        about("17", ""),
        about("", &id(&project)),
        about("", &unknown),
        about("", "17"),
    ] {
        let answer = fixture.chat(&stranger, asked.clone()).await;
        assert_eq!(refused(answer), "not_found", "{asked:?}");
    }
    let of_nobody = Reply {
        message_id: unknown,
        ..reply.clone()
    };
    for reply in [&reply, &of_nobody] {
        assert_eq!(
            refused(fixture.rate(&stranger, rating(reply, 5), None).await),
            "not_found"
        );
        let copied = interaction(reply, "copied", None);
        assert_eq!(
            refused(fixture.interact(&stranger, copied, None).await),
            "not_found"
        );
    }
    assert_eq!(fixture.events(&AI_EVENTS).await.len(), 1);
    assert_eq!(fixture.events(&INTERACTIONS).await.len(), 1);
    let mut nobody = person.clone();
    nobody.token = "no token".to_owned();
    assert_eq!(
        refused(fixture.chat(&nobody, question("Hello")).await),
        "unauthenticated"
    );
}
