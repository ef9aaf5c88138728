//! What people make of replies.

use std::collections::BTreeMap;

use redis_contracts::{
    CONVERSATION, ConversationMessage, FEEDBACK, INTERACTIONS,
    event::{EventBody, InteractionKind, SuggestionRef},
};
use uuid::Uuid;

use super::*;

#[tokio::test]
async fn a_rating_carries_how_the_reply_was_written_and_its_words_stay_with_the_conversation() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    let reply = fixture.ask(&person, "Hello").await;
    let given = GiveFeedbackRequest {
        tags: vec![
            "clear".to_owned(),
            "clear".to_owned(),
            "cafe\u{301}".to_owned(),
        ],
        comment: "Just what I needed".to_owned(),
        ..rating(&reply, 5)
    };
    let told = fixture
        .rate(&person, given, None)
        .await
        .expect("recorded")
        .value;
    let events = fixture.events(&FEEDBACK).await;
    let [(position, event)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (&told.position, &told.event_id),
        (position, &event.id.to_string())
    );
    let EventBody::FeedbackGiven(data) = &event.body else {
        panic!("{event:?}")
    };
    assert_eq!(
        (data.rating, data.target_id.to_string()),
        (5, reply.message_id.clone())
    );
    assert_eq!(data.user_id.to_string(), person.id);
    assert_eq!(data.tags, ["clear", "caf\u{e9}"]);
    let style: BTreeMap<_, _> = data
        .style
        .iter()
        .map(|(of, is)| (of.to_owned(), is.to_owned()))
        .collect();
    assert_eq!(style, reply.style.into_iter().collect());
    assert!(
        data.propensity
            .is_some_and(|propensity| (propensity - 1.0 / 12.0).abs() < 1e-9)
    );
    assert!(
        !event.encode().expect("JSON").contains("needed"),
        "no free text in events"
    );

    let conversation_id: Uuid = reply.conversation_id.parse().expect("a UUID");
    let field = format!("comment:{}", reply.message_id);
    let held: String = fixture
        .redis(&["HGET", CONVERSATION.key(conversation_id).name(), &field])
        .await;
    let held: ConversationMessage = serde_json::from_str(&held).expect("a comment");
    assert_eq!(held.text, "Just what I needed");
}

#[tokio::test]
async fn an_interaction_says_what_was_done_with_which_suggestion() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    let project = person.create_project("ACT").await;
    let big = big_task(&person, &project).await;
    let reply = fixture.ask(&person, "What next?").await;
    let suggestion = reply.suggestions[0].clone();
    assert_eq!(
        (suggestion.kind.as_str(), &suggestion.task_id),
        ("split", &id(&big))
    );
    assert_eq!(suggestion.label, "Split ACT-1 into 6 tasks");
    let accepted = interaction(&reply, "accepted", Some(suggestion));
    fixture
        .interact(&person, accepted, None)
        .await
        .expect("recorded");
    fixture
        .interact(&person, interaction(&reply, "copied", None), None)
        .await
        .expect("recorded");
    let events = fixture.events(&INTERACTIONS).await;
    let done: Vec<_> = events
        .iter()
        .map(|(_, event)| match &event.body {
            EventBody::InteractionRecorded(data) => (data.kind, data.suggestion.clone()),
            _ => panic!("{event:?}"),
        })
        .collect();
    let split = SuggestionRef {
        kind: "split".to_owned(),
        task_id: id(&big).parse().expect("a UUID"),
    };
    assert_eq!(
        done,
        [
            (InteractionKind::Asked, None),
            (InteractionKind::Accepted, Some(split)),
            (InteractionKind::Copied, None)
        ]
    );
}
