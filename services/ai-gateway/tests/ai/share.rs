//! What one person may record in a day, and what a reply may be made from.

use serde_json::json;
use service_kit::{Code, Problem};
use test_kit::{PATIENCE, Platform, eventually};

use super::{Fixture, question, rating};

#[tokio::test]
async fn who_has_used_up_the_day_waits_and_what_was_recorded_is_answered_again() {
    let platform = Platform::builder()
        .set("LIMITS__STREAM_BYTES_PER_DAY", "20000")
        .start()
        .await;
    let fixture = Fixture::of(platform);
    let (greedy, bystander) = tokio::join!(fixture.platform.person(), fixture.platform.person());
    let reply = fixture.ask(&greedy, "What next?").await;
    let keyed = rating(&reply, 5);
    let first = fixture.rate(&greedy, keyed.clone(), Some("one")).await;
    let refused: Problem = eventually("it is refused", PATIENCE, async || {
        match fixture.chat(&greedy, question("What next?")).await {
            Ok(_) => Err("a reply"),
            Err(problem) => Ok(problem),
        }
    })
    .await;
    assert_eq!(refused.code, Code::RateLimited, "{refused:?}");
    assert!(refused.retry_after.is_some(), "{refused:?}");
    let unkeyed = fixture.rate(&greedy, keyed.clone(), None).await;
    assert_eq!(unkeyed.expect_err("refused").code, Code::RateLimited);
    let again = fixture.rate(&greedy, keyed, Some("one")).await;
    assert_eq!(
        again.expect("the first answer").value,
        first.expect("recorded").value
    );
    fixture.ask(&bystander, "What next?").await;
}

#[tokio::test]
async fn projects_with_long_descriptions_are_read() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    // Four bytes a character: 20 of them are 5 MB.
    let description = "\u{1f600}".repeat(65_536);
    for number in 0..20 {
        let body = json!({"key": format!("LONG{number}"), "name": "x", "description": description});
        person.post("/api/projects", body).await.expect(201);
    }
    fixture.ask(&person, "What next?").await;
}
