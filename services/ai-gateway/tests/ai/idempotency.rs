//! A call that is sent again.

use redis_contracts::{AI_EVENTS, FEEDBACK, INTERACTIONS};

use super::*;

#[tokio::test]
async fn the_same_key_and_request_get_the_first_answer() {
    let fixture = Fixture::start().await;
    let (person, other) = tokio::join!(fixture.platform.person(), fixture.platform.person());
    let first = fixture
        .keyed_chat(&person, question("Hello"), Some("k"))
        .await
        .expect("a reply");
    assert!(!first.replayed);
    let again = fixture
        .keyed_chat(&person, question("Hello"), Some("k"))
        .await
        .expect("a reply");
    assert_eq!((again.value, again.replayed), (first.value.clone(), true));
    let differs = fixture
        .keyed_chat(&person, question("Hello!"), Some("k"))
        .await;
    assert_eq!(refused(differs), "idempotency_mismatch");
    let theirs = fixture
        .keyed_chat(&other, question("Hello"), Some("k"))
        .await
        .expect("a reply");
    assert!(!theirs.replayed, "keys are a person's own");

    let reply = first.value;
    let rated = fixture
        .rate(&person, rating(&reply, 4), Some("r"))
        .await
        .expect("recorded");
    let again = fixture
        .rate(&person, rating(&reply, 4), Some("r"))
        .await
        .expect("recorded");
    assert_eq!((again.value, again.replayed), (rated.value, true));
    let differs = fixture.rate(&person, rating(&reply, 5), Some("r")).await;
    assert_eq!(refused(differs), "idempotency_mismatch");
    let copied = || interaction(&reply, "copied", None);
    let differs = fixture.interact(&person, copied(), Some("r")).await;
    assert_eq!(
        refused(differs),
        "idempotency_mismatch",
        "a key is for one method"
    );
    let told = fixture
        .interact(&person, copied(), Some("i"))
        .await
        .expect("recorded");
    let again = fixture
        .interact(&person, copied(), Some("i"))
        .await
        .expect("recorded");
    assert_eq!((again.value, again.replayed), (told.value, true));
    // Without a key each counts.
    fixture
        .rate(&person, rating(&reply, 4), None)
        .await
        .expect("recorded");
    assert_eq!(fixture.events(&AI_EVENTS).await.len(), 2);
    assert_eq!(fixture.events(&FEEDBACK).await.len(), 2);
    assert_eq!(fixture.events(&INTERACTIONS).await.len(), 3);
}

#[tokio::test]
async fn twenty_at_once_with_one_key_are_one_reply() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    let chats = (0..20).map(|_| fixture.keyed_chat(&person, question("Hello"), Some("same")));
    let told = futures_util::future::try_join_all(chats)
        .await
        .expect("replies");
    assert_eq!(told.iter().filter(|told| !told.replayed).count(), 1);
    assert!(told.iter().all(|one| one.value == told[0].value));
    assert_eq!(fixture.events(&AI_EVENTS).await.len(), 1);
    assert_eq!(fixture.events(&INTERACTIONS).await.len(), 1);
}
