//! What changed since a position.

use std::collections::BTreeMap;

use rpc::project::{ChangeGlance, Changes};
use serde_json::json;
use service_kit::Code;

use crate::{Room, id};

fn short(type_name: &str) -> &str {
    type_name
        .trim_start_matches("devmentor.")
        .trim_end_matches(".v1")
}

fn by_type(changes: &Changes) -> BTreeMap<&str, u32> {
    let counts = changes.by_type.iter();
    counts.map(|(name, count)| (short(name), *count)).collect()
}

fn shown(change: &ChangeGlance) -> (&str, &str, &str, &str) {
    (
        short(&change.r#type),
        &change.task_id,
        &change.r#ref,
        &change.title,
    )
}

#[tokio::test]
async fn text_that_is_no_position_is_refused() {
    let room = Room::open().await;
    for since in ["x", "1", "1-", "-1", " 1-0"] {
        let refused = room.asked_by(&room.person, id(&room.project), since).await;
        let refused = refused.expect_err("refused");
        assert_eq!(refused.code, Code::Invalid, "{since:?}");
        let fields: Vec<_> = refused
            .errors
            .iter()
            .map(|error| error.field.as_str())
            .collect();
        assert_eq!(fields, ["since"], "{since:?}");
    }
}

#[tokio::test]
async fn each_change_is_told_with_its_task() {
    let room = Room::open().await;
    let person = &room.person;
    let (kept, gone) = (
        room.task("Kept", json!({})).await,
        room.task("Gone", json!({})).await,
    );
    let since = room.review("").await.newest;
    for task in [&kept, &gone] {
        let path = format!("/api/tasks/{}/comments", id(task));
        person
            .post(&path, json!({"body": "Hello"}))
            .await
            .expect(201);
    }
    let path = format!("/api/tasks/{}", id(&kept));
    person
        .patch(&path, json!({"title": "Renamed"}))
        .await
        .expect(200);
    person
        .patch(&path, json!({"status": "done"}))
        .await
        .expect(200);
    person
        .delete(&format!("/api/tasks/{}", id(&gone)))
        .await
        .expect(204);
    let path = format!("/api/projects/{}", id(&room.project));
    person
        .patch(&path, json!({"name": "Another name"}))
        .await
        .expect(200);

    let review = room.review(&since).await;
    let changes = review.changes.expect("changes");
    assert_eq!(changes.total, 6);
    assert_eq!(
        by_type(&changes),
        BTreeMap::from([
            ("comment.added", 2),
            ("project.updated", 1),
            ("task.completed", 1),
            ("task.deleted", 1),
            ("task.updated", 1),
        ])
    );
    let latest: Vec<_> = changes.latest.iter().map(shown).collect();
    assert_eq!(
        latest,
        [
            ("project.updated", "", "", ""),
            ("task.deleted", id(&gone), "ROOM-2", ""),
            ("task.completed", id(&kept), "ROOM-1", "Renamed"),
            ("task.updated", id(&kept), "ROOM-1", "Renamed"),
            ("comment.added", id(&gone), "", ""),
            ("comment.added", id(&kept), "ROOM-1", "Renamed"),
        ]
    );
    assert_eq!(changes.latest[0].position, review.newest);
    for change in &changes.latest {
        assert_eq!(change.actor_id, person.id);
        assert!(change.time.is_some());
    }

    let nothing = room.review(&review.newest).await.changes.expect("changes");
    assert_eq!((nothing.total, nothing.latest.len()), (0, 0));
}

#[tokio::test]
async fn the_newest_20_are_told_and_all_are_counted() {
    let room = Room::open().await;
    for number in 1..=30 {
        room.task(&format!("Task {number}"), json!({})).await;
    }
    let changes = room.review("0-0").await.changes.expect("changes");
    assert_eq!(changes.total, 31);
    assert_eq!(
        by_type(&changes),
        BTreeMap::from([("project.created", 1), ("task.created", 30)])
    );
    let refs: Vec<_> = changes
        .latest
        .iter()
        .map(|change| change.r#ref.as_str())
        .collect();
    let newest: Vec<_> = (11..=30)
        .rev()
        .map(|number| format!("ROOM-{number}"))
        .collect();
    assert_eq!(refs, newest);
}
