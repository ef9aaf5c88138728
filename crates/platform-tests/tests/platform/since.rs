//! "Since you were here": where a person's last socket on a project ended, and what the summary says
//! of the time after.

use redis_contracts::MEMORY;
use serde_json::{Value, json};
use test_kit::{PATIENCE, Person, Platform, eventually};

use crate::log::{all_published, heard, id, topic};

async fn held(platform: &Platform, person: &Person, project: &Value) -> Option<String> {
    let mut command = redis::cmd("HGET");
    command
        .arg(MEMORY.key(person.id.parse().expect("a UUID")).name())
        .arg(format!("seen:{}", id(project)));
    let mut streams = platform.streams.connect().await;
    command.query_async(&mut streams).await.expect("HGET")
}

async fn held_is(platform: &Platform, person: &Person, project: &Value, position: &str) {
    eventually("the position is remembered", PATIENCE, async || match held(
        platform, person, project,
    )
    .await
    {
        Some(held) if held == position => Ok(()),
        held => Err(format!("{held:?} and not {position}")),
    })
    .await;
}

async fn summary(person: &Person, project: &Value, query: &str) -> Value {
    let path = format!("/api/projects/{}/summary{query}", id(project));
    person.get(&path).await.expect(200)
}

#[tokio::test]
async fn leaving_a_project_is_remembered_and_the_summary_begins_there() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("SEEN").await;
    let first = all_published(&person, &project, &platform.streams).await;
    let never = summary(&person, &project, "").await;
    assert_eq!(
        (&never["changes"]["since"], &never["changes"]["total"]),
        (&json!(null), &json!(0))
    );

    let mut live = person.live().await;
    live.subscribe(&topic(&project), None).await;
    live.expect("subscribed").await;
    live.send(&json!({"type": "unsubscribe", "topic": topic(&project)}).to_string())
        .await;
    held_is(&platform, &person, &project, &first[0].position).await;

    live.subscribe(&topic(&project), Some(&first[0].position))
        .await;
    live.expect("subscribed").await;
    person.create_task(&project, "Seen live").await;
    let seen = heard(&mut live, 1).await;
    drop(live);
    held_is(&platform, &person, &project, &seen[0].position).await;

    let task = person.create_task(&project, "Not seen").await;
    let told = summary(&person, &project, "").await;
    assert_eq!(told["project_id"], project["id"]);
    let changes = &told["changes"];
    assert_eq!(
        (&changes["since"], &changes["total"]),
        (&json!(seen[0].position), &json!(1))
    );
    assert_eq!(changes["by_type"], json!({"devmentor.task.created.v1": 1}));
    let latest = &changes["latest"][0];
    assert_eq!(
        (
            &latest["task_id"],
            &latest["ref"],
            &latest["title"],
            &latest["actor_id"]
        ),
        (
            &task["id"],
            &task["ref"],
            &json!("Not seen"),
            &json!(person.id)
        )
    );
    assert_eq!(latest["position"], told["newest"]);
    assert_eq!(
        told["counts"],
        json!({"todo": 2, "in_progress": 0, "in_review": 0, "done": 0})
    );
    assert_eq!(told["next"]["total"], 2);

    // A page that was left earlier, or told less, takes nothing back.
    let mut behind = person.live().await;
    behind.subscribe(&topic(&project), Some("0-0")).await;
    behind.expect("subscribed").await;
    heard(&mut behind, 1).await;
    behind.send("").await;
    assert_eq!(behind.close_code().await, 4400);
    let everything = summary(&person, &project, "?since=0-0").await;
    assert_eq!(everything["changes"]["total"], 3);
    assert_eq!(everything["changes"]["since"], "0-0");
}

#[tokio::test]
async fn a_gateway_that_stops_remembers_who_was_where() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("STOP").await;
    let stored = all_published(&person, &project, &platform.streams).await;
    let mut live = person.live().await;
    live.subscribe(&topic(&project), None).await;
    live.expect("subscribed").await;
    platform.service("ui-gateway").terminate();
    let status = platform.service("ui-gateway").wait().await;
    assert!(status.success(), "{status}");
    assert_eq!(
        held(&platform, &person, &project).await.as_ref(),
        Some(&stored[0].position)
    );
}

#[tokio::test]
async fn while_the_streams_redis_is_away_a_summary_does_without() {
    let mut platform = Platform::start().await;
    let (person, stranger) = (platform.person().await, platform.person().await);
    let project = person.create_project("AWAY").await;
    let mut live = person.live().await;
    live.subscribe(&topic(&project), None).await;
    let position = live.expect("subscribed").await["position"].clone();
    drop(live);
    held_is(
        &platform,
        &person,
        &project,
        position.as_str().expect("text"),
    )
    .await;
    platform.streams.kill();
    let told = summary(&person, &project, "").await;
    assert_eq!(told["changes"]["since"], json!(null));
    assert_eq!(told["newest"], position);
    stranger
        .get(&format!("/api/projects/{}/summary", id(&project)))
        .await
        .expect_problem(404, "not_found");
}
