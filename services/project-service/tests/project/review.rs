//! What there is, and what needs somebody.

use redis_contracts::Timestamp;
use rpc::project::{Attention, Glance};
use serde_json::{Value, json};
use service_kit::Code;

use crate::{DAY_SECONDS, Room, id};

/// More than a list shows.
const MANY: usize = 12;
const SHOWN: usize = 10;

fn day(days_from_today: i64) -> String {
    let ms = Timestamp::now().unix_ms() + days_from_today * DAY_SECONDS * 1000;
    Timestamp::from_unix_ms(ms).to_string()[..10].to_owned()
}

fn steps(count: usize) -> String {
    "Why.\n- [x] past\n".to_owned() + &"  * [ ] step\n".repeat(count)
}

fn told(list: Option<Attention>) -> (u32, Vec<Glance>) {
    let list = list.expect("a list");
    (list.total, list.tasks)
}

fn refs(tasks: &[Glance]) -> Vec<&str> {
    tasks.iter().map(|task| task.r#ref.as_str()).collect()
}

/// The references of tasks, from the last to the first, as many as are shown.
fn last_first(tasks: &[Value]) -> Vec<&str> {
    let refs = tasks.iter().rev().map(|task| task["ref"].as_str());
    refs.map(|name| name.expect("a reference"))
        .take(SHOWN)
        .collect()
}

#[tokio::test]
async fn only_the_owner_reviews_a_project() {
    let room = Room::open().await;
    let stranger = room.platform.person().await;
    let (project, nobodys) = (id(&room.project), uuid::Uuid::now_v7().to_string());
    for (person, project) in [
        (&stranger, project),
        (&room.person, nobodys.as_str()),
        (&room.person, "no UUID"),
    ] {
        let refused = room.asked_by(person, project, "").await;
        assert_eq!(
            refused.expect_err("refused").code,
            Code::NotFound,
            "{project}"
        );
    }
}

#[tokio::test]
async fn an_empty_project_has_its_beginning_only() {
    let room = Room::open().await;
    let review = room.review("").await;
    assert_eq!(review.project.expect("the project").key, "ROOM");
    let counts = [
        review.todo,
        review.in_progress,
        review.in_review,
        review.done,
    ];
    assert_eq!((counts, review.done_this_week), ([0; 4], 0));
    for list in [
        review.overdue,
        review.stuck,
        review.unreviewed,
        review.big,
        review.next,
    ] {
        assert_eq!(told(list), (0, Vec::new()));
    }
    let changes = review.changes.unwrap_or_default();
    assert_eq!(
        (changes.total, changes.by_type.len(), changes.latest.len()),
        (0, 0, 0)
    );

    let all = room.review("0-0").await.changes.expect("changes");
    assert_eq!((all.total, &all.latest[0].position), (1, &review.newest));
}

#[tokio::test]
async fn tasks_are_counted_by_status_and_those_done_this_week() {
    let room = Room::open().await;
    for (status, count) in [
        ("todo", 1),
        ("in_progress", 2),
        ("in_review", 3),
        ("done", 4),
    ] {
        for _ in 0..count {
            room.task(status, json!({"status": status})).await;
        }
    }
    let old = room.task("Done long ago", json!({"status": "done"})).await;
    room.set_back(&old, 8 * DAY_SECONDS).await;
    let review = room.review("").await;
    let counts = [
        review.todo,
        review.in_progress,
        review.in_review,
        review.done,
    ];
    assert_eq!((counts, review.done_this_week), ([1, 2, 3, 5], 4));
}

#[tokio::test]
async fn what_is_overdue_is_told_by_its_day() {
    let room = Room::open().await;
    let mut late = Vec::new();
    for days in 1..=MANY {
        let due_on = day(-i64::try_from(days).expect("small"));
        let status = ["todo", "in_progress", "in_review"][days % 3];
        late.push(
            room.task("Late", json!({"due_on": due_on, "status": status}))
                .await,
        );
    }
    room.task("Due today", json!({"due_on": day(0)})).await;
    room.task("Done late", json!({"due_on": day(-30), "status": "done"}))
        .await;
    room.task("Due no day", json!({})).await;
    let (total, tasks) = told(room.review("").await.overdue);
    assert_eq!((total as usize, refs(&tasks)), (MANY, last_first(&late)));
    let (first, oldest) = (&tasks[0], &late[MANY - 1]);
    assert_eq!(
        json!([first.id, first.title, first.status, first.due_on]),
        json!([
            oldest["id"],
            oldest["title"],
            oldest["status"],
            oldest["due_on"]
        ])
    );
    let updated_at = rpc::timestamp_from(first.updated_at.as_ref().expect("a time"));
    assert_eq!(json!(updated_at), oldest["updated_at"]);
}

#[tokio::test]
async fn what_is_stuck_or_unreviewed_is_told_by_its_last_change() {
    let room = Room::open().await;
    let (mut stuck, mut unreviewed) = (Vec::new(), Vec::new());
    for place in 0..MANY {
        let more = i64::try_from(place).expect("small") * 60 + 1;
        for (status, days, list) in [
            ("in_progress", 7, &mut stuck),
            ("in_review", 2, &mut unreviewed),
        ] {
            let task = room.task("Waits", json!({"status": status})).await;
            room.set_back(&task, days * DAY_SECONDS + more).await;
            list.push(task);
            let task = room
                .task("Waits not long enough", json!({"status": status}))
                .await;
            room.set_back(&task, days * DAY_SECONDS - more - 60).await;
        }
    }
    let idle = room.task("Not begun", json!({})).await;
    room.set_back(&idle, 30 * DAY_SECONDS).await;
    let review = room.review("").await;
    for (list, expected) in [(review.stuck, stuck), (review.unreviewed, unreviewed)] {
        let (total, tasks) = told(list);
        assert_eq!(
            (total as usize, refs(&tasks)),
            (MANY, last_first(&expected))
        );
    }
}

#[tokio::test]
async fn what_is_big_is_told_by_its_steps() {
    let room = Room::open().await;
    let mut big = Vec::new();
    for count in 4..4 + MANY {
        let fields = json!({"description": steps(count), "status": "in_progress"});
        big.push(room.task("Big", fields).await);
    }
    room.task("Not so big", json!({"description": steps(3)}))
        .await;
    room.task(
        "Was big",
        json!({"description": steps(40), "status": "done"}),
    )
    .await;
    let (total, tasks) = told(room.review("").await.big);
    assert_eq!((total as usize, refs(&tasks)), (MANY, last_first(&big)));
    assert_eq!(tasks[0].open_steps as usize, 3 + MANY);

    let path = format!("/api/tasks/{}", id(&big[MANY - 1]));
    let ticked = steps(5).replacen("[ ]", "[x]", 2);
    room.person
        .patch(&path, json!({"description": ticked}))
        .await
        .expect(200);
    let (total, tasks) = told(room.review("").await.big);
    assert_eq!(
        (total as usize, refs(&tasks)),
        (MANY - 1, last_first(&big[..MANY - 1]))
    );
}

#[tokio::test]
async fn what_is_next_is_told_as_on_the_board() {
    let room = Room::open().await;
    let mut made = Vec::new();
    for _ in 0..MANY {
        made.push(room.task("Next", json!({})).await);
    }
    room.task("Begun", json!({"status": "in_progress"})).await;
    let path = format!("/api/tasks/{}", id(&made[MANY - 1]));
    let first = json!({"before_id": made[0]["id"]});
    room.person.patch(&path, first).await.expect(200);
    let (total, tasks) = told(room.review("").await.next);
    let moved = made.pop().expect("a task");
    made.insert(0, moved);
    made.reverse();
    assert_eq!((total as usize, refs(&tasks)), (MANY, last_first(&made)));
}
