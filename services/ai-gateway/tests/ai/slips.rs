//! What an operator does to the streams Redis by mistake costs nobody their mentor.

use redis_contracts::{CONVERSATION, CONVERSATIONS, FEEDBACK, MEMORY, PROFILE};
use test_kit::{PATIENCE, eventually};
use uuid::Uuid;

use super::*;

#[tokio::test]
async fn a_key_of_another_type_is_as_good_as_none_and_a_field_that_cannot_be_read_is_an_error() {
    let fixture = Fixture::start().await;
    let (person, bystander) = (
        fixture.platform.person().await,
        fixture.platform.person().await,
    );
    let user_id: Uuid = person.id.parse().expect("a UUID");
    let project = person.create_project("MINE").await;
    let reply = fixture.ask(&person, "Hello").await;
    let conversation: Uuid = reply.conversation_id.parse().expect("a UUID");
    for key in [
        MEMORY.key(user_id).name(),
        CONVERSATIONS.key(user_id).name(),
        CONVERSATION.key(conversation).name(),
        PROFILE.key(user_id).name(),
    ] {
        fixture.redis::<u64>(&["DEL", key]).await;
        fixture.redis::<u64>(&["LPUSH", key, "by mistake"]).await;
        let asked = fixture.ask(&person, "Hello again").await;
        fixture
            .rate(&person, rating(&asked, 4), None)
            .await
            .unwrap_or_else(|problem| panic!("{key}: {problem}"));
        fixture
            .rate(&person, rating(&reply, 4), None)
            .await
            .unwrap_or_else(|problem| panic!("{key}: {problem}"));
    }
    let seen = format!("seen:{}", id(&project));
    for (key, field, junk) in [
        (MEMORY.key(user_id).name(), &*seen, "yesterday"),
        (MEMORY.key(user_id).name(), "seen:it", "1-0"),
        (MEMORY.key(user_id).name(), "profile_version", "nan"),
        (MEMORY.key(user_id).name(), "conversation_bytes", "many"),
        (MEMORY.key(user_id).name(), "answers", "today"),
        (PROFILE.key(user_id).name(), "version", "nan"),
        (PROFILE.key(user_id).name(), "style", "{\"tone\":nan}"),
    ] {
        let before: Option<String> = fixture.redis(&["HGET", key, field]).await;
        fixture
            .redis::<redis::Value>(&["HSET", key, field, junk])
            .await;
        let asked = ChatRequest {
            project_id: id(&project),
            ..question("What changed?")
        };
        assert_eq!(refused(fixture.chat(&person, asked).await), "internal");
        let held: String = fixture.redis(&["HGET", key, field]).await;
        assert_eq!(held, junk, "{field}");
        match before {
            Some(before) => fixture.redis::<u64>(&["HSET", key, field, &before]).await,
            None => fixture.redis::<u64>(&["HDEL", key, field]).await,
        };
        fixture.ask_about(&person, &project, "What changed?").await;
    }
    fixture.ask(&bystander, "Hello").await;
}

#[tokio::test]
async fn while_a_stream_has_no_ids_left_a_refusal_says_so_and_it_goes_on_by_itself() {
    let fixture = Fixture::start().await;
    let (person, bystander) = (
        fixture.platform.person().await,
        fixture.platform.person().await,
    );
    let reply = fixture.ask(&person, "Hello").await;
    let feedback = FEEDBACK.key(());
    let largest = format!("{0}-{0}", u64::MAX);
    fixture
        .redis::<String>(&["XADD", feedback.name(), &largest, "foo", "bar"])
        .await;
    // Refused at once, or repaired already.
    if let Err(problem) = fixture.rate(&person, rating(&reply, 5), None).await {
        assert_eq!(problem.code.name(), "unavailable");
        assert!(problem.detail.contains("repaired"), "{problem}");
    }
    fixture.ask(&bystander, "Hello").await;
    eventually("ratings are taken", PATIENCE, async || {
        fixture.rate(&person, rating(&reply, 5), None).await
    })
    .await;
}
