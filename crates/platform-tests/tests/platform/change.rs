//! The way of a change: REST, SQL, stream, socket; everywhere the same event at the same position.

use redis_contracts::Position;
use serde_json::{Value, json};
use test_kit::{Person, Platform};

use crate::log::{all_published, heard, id, in_timeline, silence, topic, types};

#[tokio::test]
async fn a_change_is_stored_once_published_once_and_seen_once() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("WAY").await;
    let mut live = person.live().await;
    live.subscribe(&topic(&project), Some("0-0")).await;
    live.expect("subscribed").await;

    let task = change_everything(&person, &project).await;
    let wanted = [
        "project.created",
        "project.updated",
        "task.created",
        "task.updated",
        "task.moved",
        "task.completed",
        "comment.added",
        "comment.updated",
        "comment.deleted",
        "task.deleted",
    ];
    let stored = all_published(&person, &project, &platform.streams).await;
    assert_eq!(types(&stored), wanted);
    assert_eq!(in_timeline(&platform.streams, &project).await, stored);
    assert_eq!(heard(&mut live, stored.len()).await, stored);
    silence(&mut live).await;

    let positions: Vec<Position> = stored
        .iter()
        .map(|event| event.position.parse().expect("a position"))
        .collect();
    assert!(
        positions.is_sorted_by(|one, next| one < next),
        "{positions:?}"
    );
    for recorded in &stored {
        check_envelope(&recorded.event, &person, &project);
    }
    let moved = &stored[4].event["data"];
    assert_eq!(
        moved["changes"]["status"],
        json!({"from": "todo", "to": "in_progress"})
    );
    assert_eq!(
        stored[9].event["data"],
        json!({"id": id(&task), "project_id": id(&project), "ref": "WAY-1"})
    );
}

/// Changes of every kind; the task is gone at the end.
async fn change_everything(person: &Person, project: &Value) -> Value {
    let path = format!("/api/projects/{}", id(project));
    person
        .patch(&path, json!({"name": "A better name"}))
        .await
        .expect(200);
    let task = person.create_task(project, "One").await;
    let path = format!("/api/tasks/{}", id(&task));
    person
        .patch(
            &path,
            json!({"title": "Two", "labels": ["a", "b"], "due_on": "2026-01-31"}),
        )
        .await
        .expect(200);
    person
        .patch(&path, json!({"status": "in_progress"}))
        .await
        .expect(200);
    let done = person
        .patch(&path, json!({"status": "done"}))
        .await
        .expect(200);
    assert!(done["completed_at"].is_string());
    let comments = format!("{path}/comments");
    let comment = person
        .post(&comments, json!({"body": "Good"}))
        .await
        .expect(201);
    let comment_path = format!("/api/comments/{}", id(&comment));
    person
        .patch(&comment_path, json!({"body": "Better"}))
        .await
        .expect(200);
    person.delete(&comment_path).await.expect(204);
    person.delete(&path).await.expect(204);
    person.get(&path).await.expect_problem(404, "not_found");
    task
}

fn check_envelope(event: &Value, person: &Person, project: &Value) {
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["source"], "/project-service");
    assert_eq!(event["datacontenttype"], "application/json");
    assert_eq!(event["actor"], person.id.as_str());
    assert_eq!(event["project_id"], project["id"]);
    let event_id: uuid::Uuid = event["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .expect("a UUID");
    assert_eq!(event_id.get_version_num(), 7);
    let time = event["time"].as_str().expect("a time");
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    let traceparent = event["traceparent"].as_str().expect("a trace");
    assert_eq!(traceparent.len(), 55, "{traceparent}");
}

#[tokio::test]
async fn the_trace_and_the_request_id_of_a_caller_go_all_the_way() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let create = person
        .request(reqwest::Method::POST, "/api/projects")
        .header("traceparent", trace)
        .header("x-request-id", "asked-from-outside")
        .json(&json!({"key": "TRC", "name": "Traced"}));
    let answer = person.send(create).await;
    assert_eq!(answer.header("x-request-id"), "asked-from-outside");
    let project = answer.expect(201);
    let stored = all_published(&person, &project, &platform.streams).await;
    let traced = stored[0].event["traceparent"].as_str().expect("a trace");
    assert_eq!(traced[..35], trace[..35], "the same trace");
}

#[tokio::test]
async fn a_deleted_project_ends_its_topic_after_its_last_event() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("END").await;
    person.create_task(&project, "One").await;
    let mut live = person.live().await;
    live.subscribe(&topic(&project), None).await;
    live.expect("subscribed").await;
    person
        .delete(&format!("/api/projects/{}", id(&project)))
        .await
        .expect(204);
    let last = heard(&mut live, 1).await;
    assert_eq!(types(&last), ["project.deleted"]);
    let end = live.expect("error").await;
    assert_eq!(
        (&end["topic"], &end["code"]),
        (&json!(topic(&project)), &json!("not_found"))
    );
    person
        .get(&format!("/api/projects/{}", id(&project)))
        .await
        .expect_problem(404, "not_found");
    person.create_project("END").await;
}
