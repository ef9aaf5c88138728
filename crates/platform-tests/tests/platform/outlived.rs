//! A socket lives as long as the session, and not as the access token that opened it.

use test_kit::{PATIENCE, Platform, eventually};

use crate::log::{heard, topic, types};

#[tokio::test]
async fn a_socket_reads_another_project_after_its_access_token_expired() {
    let builder = Platform::builder().set("jwt.access_ttl_seconds", "2");
    let platform = builder.start().await;
    let person = platform.person().await;
    let (one, other) = (
        person.create_project("ONE").await,
        person.create_project("OTHER").await,
    );
    let mut live = person.live().await;
    live.subscribe(&topic(&one), None).await;
    live.expect("subscribed").await;

    eventually("the access token has expired", PATIENCE, async || {
        let answer = person.get("/api/me").await;
        match answer.body["code"].as_str() {
            Some("unauthenticated") => Ok(()),
            _ => Err(answer),
        }
    })
    .await;
    live.subscribe(&topic(&other), Some("0-0")).await;
    let answer = live.expect("subscribed").await;
    assert_eq!(answer["replayed"], 1, "{answer}");
    assert_eq!(types(&heard(&mut live, 1).await), ["project.created"]);

    // Nor does it hold up what is to come.
    let again = person.sign_in_again().await;
    again.create_task(&other, "Live").await;
    assert_eq!(types(&heard(&mut live, 1).await), ["task.created"]);
}
