//! Searches through much text, beside somebody who reads and listens.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use rpc::project::{ListTasksRequest, project_service_client::ProjectServiceClient};
use serde_json::{Value, json};
use service_kit::RequestContext;
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{
    Room,
    beside::{Bystander, alone},
    channel, id,
};

/// Tasks of a project with about 100 MB of text, each as long as a task may be.
const LONG_TASKS: usize = 1_600;

/// Tasks of one statement.
const AT_ONCE: usize = 100;

/// Searches that are on their way at the same time.
const SEARCHES: usize = 8;

/// What the bystander does, so many times.
const ROUNDS: usize = 40;

/// How long they wait for an answer, or for an event that they made. Behind searches it was seconds.
const WITHIN: Duration = Duration::from_millis(1000);

/// Searches that are given up. Each takes half a second to its end, and there are two readers.
const ABANDONED: usize = 30;

/// Long enough to have begun, and far too short to be done.
const HANG_UP_AFTER: Duration = Duration::from_millis(50);

async fn add_long_tasks(sql: &mut SqliteConnection, project: &Value) {
    for first in (0..LONG_TASKS).step_by(AT_ONCE) {
        sqlx::query(
            "WITH RECURSIVE numbers (n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2 + ?3)
             INSERT INTO tasks (id, project_id, number, title, description, status, labels, position, author_name, comment_count,
                                version, created_at, updated_at)
             SELECT randomblob(16), ?1, 1000000 + n, 'Long', hex(randomblob(32768)), 0, '[]', 's' || printf('%04d', n), 'ann', 0,
                    1, 0, 0
             FROM numbers",
        )
        .bind(Uuid::try_parse(id(project)).expect("a UUID"))
        .bind(first as i64)
        .bind(AT_ONCE as i64)
        .execute(&mut *sql)
        .await
        .expect("tasks");
    }
}

#[tokio::test]
async fn searches_of_one_delay_no_reads_and_no_events_of_others() {
    let _alone = alone().await;
    let room = Room::open().await;
    let bystander = Bystander::join(&room.platform).await;
    add_long_tasks(&mut room.database().await, &room.project).await;
    let mut live = bystander.person.live().await;
    let topic = format!("project:{}", id(&bystander.project));
    live.subscribe(&topic, None).await;
    live.expect("subscribed").await;

    let path = format!("/api/projects/{}/tasks?q=zzz", id(&room.project));
    let searching = stream::repeat_with(|| room.person.get(&path))
        .buffer_unordered(SEARCHES)
        .for_each(async |answer| {
            assert!([200, 429, 504].contains(&answer.status), "{answer}");
        });
    let ready = format!(
        "http://127.0.0.1:{}/health/ready",
        room.platform.ops_port("project-service")
    );
    let working = async {
        let tasks = format!("/api/projects/{}/tasks", id(&bystander.project));
        let own_search = format!("{tasks}?q=beside");
        for _ in 0..ROUNDS {
            let began = Instant::now();
            bystander.person.get(&tasks).await.expect(200);
            assert!(began.elapsed() < WITHIN, "a read: {:?}", began.elapsed());
            let began = Instant::now();
            let made = bystander.person.create_task(&bystander.project, "Beside");
            made.await;
            live.expect("event").await;
            assert!(began.elapsed() < WITHIN, "an event: {:?}", began.elapsed());
            let found = bystander.person.get(&own_search).await.expect(200);
            assert_ne!(found["items"], json!([]));
            let ready = reqwest::get(&ready).await.expect("an answer");
            assert!(ready.status().is_success());
        }
    };
    tokio::select! {
        () = searching => panic!("searches have no end"),
        () = working => {}
    }
    let found = room.person.get(&path).await;
    assert!([200, 429].contains(&found.status), "{found}");
}

#[tokio::test]
async fn searches_that_nobody_waits_for_stop_and_leave_their_readers_to_others() {
    let _alone = alone().await;
    let room = Room::open().await;
    let bystander = Bystander::join(&room.platform).await;
    add_long_tasks(&mut room.database().await, &room.project).await;
    let mut client = ProjectServiceClient::new(channel(&room.platform, None));
    for _ in 0..ABANDONED {
        let search = ListTasksRequest {
            project_id: id(&room.project).to_owned(),
            q: Some("zzz".to_owned()),
            ..Default::default()
        };
        let context = RequestContext::from_headers(None, None);
        let search = client.list_tasks(context.call(Some(&room.person.token), search));
        let hung_up = tokio::time::timeout(HANG_UP_AFTER, search).await;
        hung_up.map(drop).expect_err("it takes longer than that");
    }
    let path = format!("/api/projects/{}/tasks?q=x", id(&bystander.project));
    let began = Instant::now();
    bystander.person.get(&path).await.expect(200);
    assert!(began.elapsed() < WITHIN, "{:?}", began.elapsed());
    let began = Instant::now();
    room.person
        .get(&path.replace(id(&bystander.project), id(&room.project)))
        .await
        .expect(200);
    assert!(began.elapsed() < 3 * WITHIN, "{:?}", began.elapsed());
}
