//! Something is away: nothing is accepted that is not durable.

use std::{collections::BTreeSet, time::Duration};

use redis_contracts::{AI_EVENTS, FEEDBACK, INTERACTIONS};
use test_kit::{PATIENCE, eventually};

use super::*;

#[tokio::test]
async fn while_the_streams_redis_is_away_nothing_is_accepted() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    let reply = fixture.ask(&person, "Hello").await;
    let wire = fixture.platform.streams_wire.as_ref().expect("a proxy");
    let copied = || interaction(&reply, "copied", None);
    wire.cut();
    for _ in 0..3 {
        for problem in [
            fixture
                .chat(&person, question("Hello"))
                .await
                .expect_err("refused"),
            fixture
                .keyed_chat(&person, question("Hello"), Some("k"))
                .await
                .expect_err("refused"),
            fixture
                .rate(&person, rating(&reply, 5), None)
                .await
                .expect_err("refused"),
            fixture
                .interact(&person, copied(), None)
                .await
                .expect_err("refused"),
        ] {
            assert_eq!(problem.code.name(), "unavailable", "{problem}");
            assert!(problem.retry_after.is_some());
        }
    }
    wire.heal();
    eventually("accepted again", PATIENCE, async || {
        fixture.rate(&person, rating(&reply, 5), None).await
    })
    .await;
    assert_eq!(fixture.events(&AI_EVENTS).await.len(), 1);
    assert_eq!(fixture.events(&INTERACTIONS).await.len(), 1);
    assert_eq!(fixture.events(&FEEDBACK).await.len(), 1);
}

#[tokio::test]
async fn a_wire_that_breaks_now_and_then_records_nothing_twice() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    let wire = fixture.platform.streams_wire.as_ref().expect("a proxy");
    let mut replies = BTreeSet::new();
    for round in 0..30 {
        // Somewhere in the few milliseconds that a reply takes.
        let breaking = async {
            tokio::time::sleep(Duration::from_millis(round % 5)).await;
            wire.cut_once();
        };
        let (reply, ()) = tokio::join!(fixture.chat(&person, question("Hello")), breaking);
        let whole = eventually("replies again", PATIENCE, async || {
            fixture.chat(&person, question("Hello")).await
        });
        replies.extend(reply.map(|reply| reply.message_id));
        replies.insert(whole.await.message_id);
    }
    let recorded = fixture.events(&AI_EVENTS).await;
    let recorded: Vec<_> = recorded
        .iter()
        .filter_map(|(_, event)| event.subject.strip_prefix("reply/"))
        .collect();
    for reply in &replies {
        let times = recorded.iter().filter(|id| *id == reply).count();
        assert_eq!(times, 1, "a reply that was shown is recorded once");
    }
    let distinct: BTreeSet<_> = recorded.iter().collect();
    assert_eq!(distinct.len(), recorded.len());
}

#[tokio::test]
async fn without_project_service_there_is_nothing_to_tell_from() {
    let mut fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    let reply = fixture.ask(&person, "Hello").await;
    fixture.platform.kill("project-service");
    let problem = fixture
        .chat(&person, question("Hello"))
        .await
        .expect_err("refused");
    assert_eq!(problem.code.name(), "unavailable", "{problem}");
    assert_eq!(fixture.events(&AI_EVENTS).await.len(), 1);
    fixture
        .rate(&person, rating(&reply, 2), None)
        .await
        .expect("ratings need no projects");
    fixture.platform.restart("project-service").await;
    eventually("replies again", PATIENCE, async || {
        fixture.chat(&person, question("Hello")).await
    })
    .await;
}
