//! What an operator's slip does to the log of the projects.

use redis_contracts::PROJECTS;
use test_kit::Platform;

use crate::log::{all_published, heard, topic};

#[tokio::test]
async fn a_log_that_an_operator_broke_goes_on_by_itself() {
    let platform = Platform::start().await;
    let (person, bystander) = tokio::join!(platform.person(), platform.person());
    let project = person.create_project("SLIP").await;
    let mut live = person.live().await;
    live.subscribe(&topic(&project), Some("0-0")).await;
    live.expect("subscribed").await;
    heard(&mut live, 1).await;
    let stream = PROJECTS.key(());
    let largest = format!("{0}-{0}", u64::MAX);
    let slips: [&[&str]; 5] = [
        &["XADD", stream.name(), &largest, "event", "{}"],
        &["XSETID", stream.name(), "9999999999999-0"],
        &["SET", stream.name(), "by mistake"],
        &["DEL", stream.name()],
        &["SET", "outbox:project-service", "by mistake"],
    ];
    for (number, slip) in slips.into_iter().enumerate() {
        let mut command = redis::cmd(slip[0]);
        command.arg(&slip[1..]);
        let mut redis = platform.streams.connect().await;
        command.exec_async(&mut redis).await.expect("the slip");
        person
            .create_task(&project, &format!("Task {number}"))
            .await;
        let event = &heard(&mut live, 1).await[0].event;
        assert_eq!(event["data"]["title"], format!("Task {number}"), "{slip:?}");
        bystander.get("/api/me").await.expect(200);
    }
    let stored = all_published(&person, &project, &platform.streams).await;
    assert_eq!(stored.len(), slips.len() + 1);
}
