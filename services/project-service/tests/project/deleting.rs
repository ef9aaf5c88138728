//! What is deleted is gone at once, and its rows go in turns that hold up nobody.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use service_kit::Code;
use sqlx::SqliteConnection;
use test_kit::{Answer, eventually};
use uuid::Uuid;

use crate::{
    Room,
    beside::{Bystander, alone, assert_prompt},
    id,
};

/// How long rows may take to go: many turns on a busy machine.
const SWEPT_WITHIN: Duration = Duration::from_secs(120);

/// Rows of one statement of a test: the service's own writes wait for it.
const AT_ONCE: i64 = 5_000;

fn uuid(resource: &Value) -> Uuid {
    Uuid::try_parse(id(resource)).expect("a UUID")
}

async fn add_tasks(sql: &mut SqliteConnection, project: &Value, count: i64) {
    for first in (0..count).step_by(AT_ONCE as usize) {
        sqlx::query(
            "WITH RECURSIVE numbers (n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2 + ?3)
             INSERT INTO tasks (id, project_id, number, title, description, status, labels, position, author_name, comment_count,
                                version, created_at, updated_at)
             SELECT randomblob(16), ?1, 1000000 + n, 'Task ' || n, '', 0, '[]', 's' || printf('%04d', n % 10000), 'ann', 0, 1, 0, 0
             FROM numbers",
        )
        .bind(uuid(project))
        .bind(first)
        .bind(AT_ONCE.min(count - first))
        .execute(&mut *sql)
        .await
        .expect("tasks");
    }
}

async fn add_comments(sql: &mut SqliteConnection, task: &Value, count: i64) {
    sqlx::query(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
         INSERT INTO comments (id, task_id, author_name, body, version, created_at, updated_at)
         SELECT randomblob(16), ?1, 'ann', 'Hello', 1, 0, 0 FROM numbers",
    )
    .bind(uuid(task))
    .bind(count)
    .execute(&mut *sql)
    .await
    .expect("comments");
    sqlx::query("UPDATE tasks SET comment_count = comment_count + ? WHERE id = ?")
        .bind(count)
        .bind(uuid(task))
        .execute(sql)
        .await
        .expect("a count");
}

/// So many, with so many bytes each.
async fn add_old_answers(sql: &mut SqliteConnection, count: i64, bytes: i64) {
    let at_once = AT_ONCE.min(count);
    for first in (0..count).step_by(at_once as usize) {
        sqlx::query(
            "WITH RECURSIVE numbers (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?1 + ?2)
             INSERT INTO idempotency (user_id, key_hash, request_hash, answer, created_at)
             SELECT zeroblob(16), randomblob(32), zeroblob(32), hex(zeroblob(?3 / 2)), n FROM numbers",
        )
        .bind(first)
        .bind(at_once)
        .bind(bytes)
        .execute(&mut *sql)
        .await
        .expect("answers");
    }
}

/// Waits until a count in SQL is nought.
async fn gone(room: &Room, what: &str, count: &'static str) {
    let mut sql = room.database().await;
    eventually(what, SWEPT_WITHIN, async || {
        let left: i64 = sqlx::query_scalar(count)
            .fetch_one(&mut sql)
            .await
            .map_err(|error| error.to_string())?;
        if left == 0 {
            Ok(())
        } else {
            Err(format!("{left} are left"))
        }
    })
    .await;
}

/// Projects whose rows are not swept yet.
const UNSWEPT: &str = "SELECT count(*) FROM projects WHERE owner_id = x''";

#[tokio::test]
async fn a_large_project_is_gone_at_once_and_holds_up_nobody_who_writes() {
    let _alone = alone().await;
    let room = Room::open().await;
    let bystander = Bystander::join(&room.platform).await;
    let task = room.task("A task", json!({})).await;
    let comments = format!("/api/tasks/{}/comments", id(&task));
    let comment = json!({"body": "Hello"});
    let comment = room.person.post(&comments, comment).await.expect(201);
    let mut sql = room.database().await;
    add_tasks(&mut sql, &room.project, 100_000).await;
    let deleting = async {
        let path = format!("/api/projects/{}", id(&room.project));
        room.person.delete(&path).await.expect(204);
        is_gone(&room, &task, &comment).await;
        gone(&room, "the rows are swept", UNSWEPT).await;
    };
    let ((), took) = bystander.writes_beside(deleting).await;
    assert_prompt(&took);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks WHERE project_id = ?")
        .bind(uuid(&room.project))
        .fetch_one(&mut sql)
        .await
        .expect("a count");
    assert_eq!(left, 0);
    gone(
        &room,
        "its comment is swept",
        "SELECT count(*) FROM comments",
    )
    .await;
}

/// Nothing of the room's project is found any more, and its key is free.
async fn is_gone(room: &Room, task: &Value, comment: &Value) {
    let (person, project) = (&room.person, id(&room.project));
    for path in [
        format!("/api/projects/{project}"),
        format!("/api/projects/{project}/tasks"),
        format!("/api/projects/{project}/tasks?q=Task"),
        format!("/api/projects/{project}/events"),
        format!("/api/tasks/{}", id(task)),
        format!("/api/tasks/{}/comments", id(task)),
    ] {
        person.get(&path).await.expect_problem(404, "not_found");
    }
    let path = format!("/api/projects/{project}/tasks");
    let made = person.post(&path, json!({"title": "Late"})).await;
    made.expect_problem(404, "not_found");
    for (path, change) in [
        (format!("/api/tasks/{}", id(task)), json!({"title": "Late"})),
        (
            format!("/api/comments/{}", id(comment)),
            json!({"body": "Late"}),
        ),
    ] {
        let changed = person.patch(&path, change).await;
        changed.expect_problem(404, "not_found");
    }
    let review = room.asked_by(person, project, "").await;
    assert_eq!(review.expect_err("gone").code, Code::NotFound);
    let projects = person.get("/api/projects").await.expect(200);
    assert_eq!(projects["items"], json!([]));
    person.create_project("ROOM").await;
}

#[tokio::test]
async fn the_sweep_goes_on_after_a_restart_and_the_history_stays() {
    let _alone = alone().await;
    let mut room = Room::open().await;
    let mut sql = room.database().await;
    add_tasks(&mut sql, &room.project, 50_000).await;
    let path = format!("/api/projects/{}", id(&room.project));
    room.person.delete(&path).await.expect(204);
    room.platform.kill("project-service");
    let left: i64 = sqlx::query_scalar(UNSWEPT)
        .fetch_one(&mut sql)
        .await
        .expect("a count");
    assert_eq!(left, 1, "it was swept before it was killed");
    room.platform.restart("project-service").await;
    gone(&room, "the rows are swept", UNSWEPT).await;
    let events: Vec<String> =
        sqlx::query_scalar("SELECT type FROM events WHERE project_id = ? ORDER BY position")
            .bind(uuid(&room.project))
            .fetch_all(&mut sql)
            .await
            .expect("events");
    assert_eq!(
        events,
        [
            "devmentor.project.created.v1",
            "devmentor.project.deleted.v1"
        ]
    );
}

#[tokio::test]
async fn a_task_with_many_comments_is_gone_at_once_and_its_neighbours_stay() {
    let _alone = alone().await;
    let room = Room::open().await;
    let bystander = Bystander::join(&room.platform).await;
    let (task, neighbour) = (
        room.task("Long talk", json!({})).await,
        room.task("Neighbour", json!({})).await,
    );
    for task in [&task, &neighbour] {
        let path = format!("/api/tasks/{}/comments", id(task));
        let comment = json!({"body": "Hello"});
        room.person.post(&path, comment).await.expect(201);
    }
    let mut sql = room.database().await;
    add_comments(&mut sql, &task, 50_000).await;
    let deleting = async {
        let path = format!("/api/tasks/{}", id(&task));
        room.person.delete(&path).await.expect(204);
        room.person
            .get(&path)
            .await
            .expect_problem(404, "not_found");
        let tasks = format!("/api/projects/{}/tasks", id(&room.project));
        let tasks = room.person.get(&tasks).await.expect(200);
        assert_eq!(tasks["items"].as_array().map(Vec::len), Some(1), "{tasks}");
        let changes = room.review("0-0").await.changes.expect("changes");
        let told = |change: &&rpc::project::ChangeGlance| {
            change.task_id == id(&task) && change.r#type.contains("comment")
        };
        let of_it: Vec<_> = changes.latest.iter().filter(told).collect();
        assert_eq!(of_it.len(), 1);
        assert_eq!((of_it[0].r#ref.as_str(), of_it[0].title.as_str()), ("", ""));
        gone(&room, "the rows are swept", UNSWEPT).await;
    };
    let ((), took) = bystander.writes_beside(deleting).await;
    assert_prompt(&took);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM comments")
        .fetch_one(&mut sql)
        .await
        .expect("a count");
    assert_eq!(left, 1, "the neighbour's");
}

/// Makes a task, once however often it is asked for.
async fn keyed(room: &Room) -> Answer {
    let path = format!("/api/projects/{}/tasks", id(&room.project));
    let request = room.person.request(Method::POST, &path);
    let request = request.header("idempotency-key", "once");
    let request = request.json(&json!({"title": "Once"}));
    room.person.send(request).await
}

/// Has the service find old answers, and watches somebody who writes meanwhile.
async fn old_answers_hold_up_nobody(count: i64, bytes: i64) {
    let _alone = alone().await;
    let mut room = Room::open().await;
    let bystander = Bystander::join(&room.platform).await;
    let first = keyed(&room).await.expect(201);
    add_old_answers(&mut room.database().await, count, bytes).await;
    room.platform.restart("project-service").await;
    bystander.can_write().await;
    let old = "SELECT count(*) FROM idempotency WHERE created_at < 1000000";
    let ((), took) = bystander
        .writes_beside(gone(&room, "old answers are deleted", old))
        .await;
    assert_prompt(&took);
    assert_eq!(keyed(&room).await.expect(201), first, "that of today stays");
}

#[tokio::test]
async fn many_old_answers_go_in_turns() {
    old_answers_hold_up_nobody(50_000, 200).await;
}

#[tokio::test]
async fn long_old_answers_go_in_turns() {
    old_answers_hold_up_nobody(400, 250_000).await;
}
