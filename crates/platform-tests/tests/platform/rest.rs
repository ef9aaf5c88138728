//! What the REST API promises of every resource.

use reqwest::Method;
use serde_json::{Value, json};
use test_kit::{Person, Platform};

use crate::log::{id, in_sql, types};

async fn post_once(person: &Person, path: &str, key: &str, body: &Value) -> test_kit::Answer {
    let request = person
        .request(Method::POST, path)
        .header("idempotency-key", key);
    person.send(request.json(body)).await
}

#[tokio::test]
async fn a_resource_has_all_its_fields_a_location_and_a_version() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let answer = person
        .post("/api/projects", json!({"key": "RES", "name": "Resources"}))
        .await;
    let (location, etag) = (
        answer.header("location").to_owned(),
        answer.header("etag").to_owned(),
    );
    let project = answer.expect(201);
    assert_eq!(location, format!("/api/projects/{}", id(&project)));
    assert_eq!(etag, "\"1\"");
    assert_eq!(
        fields(&project),
        [
            "created_at",
            "description",
            "id",
            "key",
            "name",
            "role",
            "status",
            "updated_at",
            "version"
        ]
    );
    assert_eq!(
        (&project["role"], &project["status"]),
        (&json!("owner"), &json!("active"))
    );
    let task = person.create_task(&project, "One").await;
    assert_eq!(
        fields(&task),
        [
            "author",
            "comment_count",
            "completed_at",
            "created_at",
            "description",
            "due_on",
            "external_ref",
            "id",
            "labels",
            "position",
            "project_id",
            "ref",
            "status",
            "title",
            "updated_at",
            "version"
        ]
    );
    assert_eq!(
        (&task["ref"], &task["due_on"]),
        (&json!("RES-1"), &json!(null))
    );
    assert_eq!(
        task["author"],
        json!({"user_id": person.id, "name": person.handle})
    );
    let comments = format!("/api/tasks/{}/comments", id(&task));
    let comment = person
        .post(&comments, json!({"body": "a\r\nb\re\u{301}"}))
        .await
        .expect(201);
    assert_eq!(
        fields(&comment),
        [
            "author",
            "body",
            "created_at",
            "external_ref",
            "id",
            "task_id",
            "updated_at",
            "version"
        ]
    );
    assert_eq!(comment["body"], "a\nb\n\u{e9}", "NFC, and newlines");
    let task = person
        .get(&format!("/api/tasks/{}", id(&task)))
        .await
        .expect(200);
    assert_eq!(task["comment_count"], 1);
}

#[tokio::test]
async fn a_page_of_long_texts_ends_earlier_and_the_next_goes_on() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let text = "\u{1f600}".repeat(62_500);
    let mut made = Vec::new();
    let project = person.create_project("PAGE").await;
    let tasks = format!("/api/projects/{}/tasks", id(&project));
    let task = person.create_task(&project, "First").await;
    made.push(id(&task).to_owned());
    let comments = format!("/api/tasks/{}/comments", id(&task));
    for number in 0..9 {
        let body = json!({"title": format!("Task {number}"), "description": text});
        let task = person.post(&tasks, body).await.expect(201);
        made.push(id(&task).to_owned());
        let body = json!({"body": text});
        person.post(&comments, body).await.expect(201);
        let key = format!("P{number}");
        let body = json!({"key": key, "name": key, "description": text});
        person.post("/api/projects", body).await.expect(201);
    }
    let (pages, listed) = all_pages(&person, &tasks).await;
    assert_eq!((pages, listed), (2, made));
    for (list, length) in [(&*comments, 9), ("/api/projects", 10)] {
        let (pages, mut listed) = all_pages(&person, list).await;
        listed.sort();
        listed.dedup();
        assert_eq!((pages, listed.len()), (2, length), "{list}");
    }
    let (_, searched) = all_pages(&person, &format!("{tasks}?q=Task")).await;
    assert_eq!(searched.len(), 9);
    let export = person.get("/api/me/export").await.expect(200);
    let exported = export["projects"].as_array().expect("a list").len();
    assert_eq!((exported, &export["cut"]), (10, &json!([])));
}

/// How many pages a list has, when 200 entries are asked for, and the ids of its entries.
async fn all_pages(person: &Person, list: &str) -> (usize, Vec<String>) {
    let (mut pages, mut listed) = (0, Vec::new());
    let mut cursor = Some(String::new());
    while let Some(after) = cursor {
        let and = if list.contains('?') { '&' } else { '?' };
        let page = format!("{list}{and}limit=200&cursor={after}");
        let page = person.get(&page).await.expect(200);
        let items = page["items"].as_array().expect("items");
        assert!(!items.is_empty() && page.to_string().len() < 2 << 20);
        listed.extend(items.iter().map(|item| id(item).to_owned()));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        pages += 1;
    }
    (pages, listed)
}

fn fields(resource: &Value) -> Vec<&str> {
    resource
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn a_repeated_post_is_done_once() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("IDM").await;
    let tasks = format!("/api/projects/{}/tasks", id(&project));
    let body = json!({"title": "Once"});
    let first = post_once(&person, &tasks, "key-1", &body).await;
    assert_eq!(first.header("idempotent-replayed"), "");
    let second = post_once(&person, &tasks, "key-1", &body).await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(second.expect(201), first.expect(201));
    post_once(&person, &tasks, "key-1", &json!({"title": "Other"}))
        .await
        .expect_problem(422, "idempotency_mismatch");
    let other = platform.person().await;
    let others = other.create_project("IDM").await;
    post_once(
        &other,
        &format!("/api/projects/{}/tasks", id(&others)),
        "key-1",
        &body,
    )
    .await
    .expect(201);
    assert_eq!(
        types(&in_sql(&person, &project).await),
        ["project.created", "task.created"]
    );
}

#[tokio::test]
async fn a_repeated_change_is_made_once_and_answered_as_it_is_now() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("TWICE").await;
    let task = person.create_task(&project, "A task").await;
    let comments = format!("/api/tasks/{}/comments", id(&task));
    let comment = person.post(&comments, json!({"body": "Text"})).await;
    let things = [
        ("comments", id(&comment.expect(201)).to_owned(), "body"),
        ("tasks", id(&task).to_owned(), "title"),
        ("projects", id(&project).to_owned(), "name"),
    ];
    for (kind, id, field) in things {
        let path = format!("/api/{kind}/{id}");
        let once = async |method: &str, key: &str, value: &str| {
            let request = person.request(method.parse().expect("a method"), &path);
            let request = request.header("idempotency-key", format!("{kind}-{key}"));
            let request = request.header("if-match", "\"1\"");
            let body = json!({field: value});
            let request = if method == "PATCH" {
                request.json(&body)
            } else {
                request
            };
            person.send(request).await
        };
        let first = once("PATCH", "one", "First").await;
        assert_eq!(first.header("idempotent-replayed"), "");
        let first = first.expect(200);
        // The answer was lost: without the key this would be a 412.
        let again = once("PATCH", "one", "First").await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.expect(200), first);
        person
            .patch(&path, json!({field: "Second"}))
            .await
            .expect(200);
        let now = once("PATCH", "one", "First").await.expect(200);
        assert_eq!(
            (&now[field], &now["version"]),
            (&json!("Second"), &json!(3))
        );
        let differs = once("PATCH", "one", "Third").await;
        differs.expect_problem(422, "idempotency_mismatch");
        let stale = once("PATCH", "two", "Third").await;
        stale.expect_problem(412, "version_mismatch");
        let differs = once("DELETE", "one", "").await;
        differs.expect_problem(422, "idempotency_mismatch");
    }
}

#[tokio::test]
async fn a_repeated_delete_is_made_once_and_is_no_404() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("GONE").await;
    let task = person.create_task(&project, "A task").await;
    let comments = format!("/api/tasks/{}/comments", id(&task));
    let comment = person.post(&comments, json!({"body": "Text"})).await;
    let comment = comment.expect(201);
    for (kind, thing) in [
        ("comments", &comment),
        ("tasks", &task),
        ("projects", &project),
    ] {
        let delete = async |key: &str| {
            let path = format!("/api/{kind}/{}", id(thing));
            let request = person.request(Method::DELETE, &path);
            person.send(request.header("idempotency-key", key)).await
        };
        for replayed in ["", "true"] {
            let deleted = delete(kind).await;
            assert_eq!(deleted.header("idempotent-replayed"), replayed);
            deleted.expect(204);
        }
        delete("another").await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_honours_if_match() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("PAT").await;
    let tasks = format!("/api/projects/{}/tasks", id(&project));
    let body = json!({"title": "One", "labels": ["a"], "due_on": "2026-01-31"});
    let task = person.post(&tasks, body).await.expect(201);
    let path = format!("/api/tasks/{}", id(&task));
    let patch = |tag: &str, body: Value| {
        person
            .request(Method::PATCH, &path)
            .header("if-match", tag.to_owned())
            .json(&body)
    };
    let changed = person.send(patch("\"1\"", json!({"due_on": null}))).await;
    assert_eq!(changed.header("etag"), "\"2\"");
    let changed = changed.expect(200);
    assert_eq!(
        (&changed["due_on"], &changed["labels"], &changed["version"]),
        (&json!(null), &json!(["a"]), &json!(2))
    );
    person
        .send(patch("\"1\"", json!({"title": "Lost"})))
        .await
        .expect_problem(412, "version_mismatch");
    let same = person
        .patch(&path, json!({"title": "One"}))
        .await
        .expect(200);
    assert_eq!(same["version"], 2, "what changes nothing is no change");
    let merge = person
        .request(Method::PATCH, &path)
        .header("content-type", "application/merge-patch+json");
    assert_eq!(
        person
            .send(merge.body(r#"{"title":"Merged"}"#))
            .await
            .expect(200)["title"],
        "Merged"
    );
    let delete = person
        .request(Method::DELETE, &path)
        .header("if-match", "\"1\"");
    person
        .send(delete)
        .await
        .expect_problem(412, "version_mismatch");
    let delete = person
        .request(Method::DELETE, &path)
        .header("if-match", "\"3\"");
    person.send(delete).await.expect(204);
    assert_eq!(in_sql(&person, &project).await.len(), 5);
}

#[tokio::test]
async fn a_key_is_unique_for_its_owner() {
    let platform = Platform::start().await;
    let (one, two) = (platform.person().await, platform.person().await);
    one.create_project("KEY").await;
    one.post("/api/projects", json!({"key": "KEY", "name": "Again"}))
        .await
        .expect_problem(409, "key_taken");
    two.create_project("KEY").await;
    let own = two.get("/api/projects").await.expect(200);
    assert_eq!(
        own["items"].as_array().map(Vec::len),
        Some(1),
        "only their own"
    );
}

#[tokio::test]
async fn pages_hold_each_thing_once_while_others_come_and_go() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("PAG").await;
    let mut made = Vec::new();
    for number in 0..25 {
        made.push(
            id(&person
                .create_task(&project, &format!("Task {number}"))
                .await)
            .to_owned(),
        );
    }
    let mut seen = Vec::new();
    let mut query = "limit=10".to_owned();
    loop {
        let page = person
            .get(&format!("/api/projects/{}/tasks?{query}", id(&project)))
            .await
            .expect(200);
        seen.extend(
            page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(|task| id(task).to_owned()),
        );
        person.create_task(&project, "Meanwhile").await;
        match page["next_cursor"].as_str() {
            Some(cursor) if seen.len() < 25 => query = format!("limit=10&cursor={cursor}"),
            _ => break,
        }
    }
    assert_eq!(seen[..25], made, "by status and position");
}

#[tokio::test]
async fn a_moved_card_stays_where_it_was_put() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("MOV").await;
    let mut tasks = Vec::new();
    for title in ["a", "b", "c"] {
        tasks.push(person.create_task(&project, title).await);
    }
    let path = |task: &Value| format!("/api/tasks/{}", id(task));
    person
        .patch(&path(&tasks[2]), json!({"before_id": id(&tasks[0])}))
        .await
        .expect(200);
    person
        .patch(&path(&tasks[0]), json!({"after_id": id(&tasks[1])}))
        .await
        .expect(200);
    assert_eq!(titles(&person, &project, "todo").await, ["c", "b", "a"]);
    person
        .patch(&path(&tasks[1]), json!({"status": "done"}))
        .await
        .expect(200);
    person
        .patch(
            &path(&tasks[2]),
            json!({"status": "done", "before_id": id(&tasks[1])}),
        )
        .await
        .expect(200);
    assert_eq!(titles(&person, &project, "done").await, ["c", "b"]);
    for place in [
        json!({"after_id": id(&tasks[0]), "before_id": id(&tasks[1])}),
        json!({"after_id": id(&tasks[0])}),
        json!({"after_id": "x"}),
    ] {
        person
            .patch(&path(&tasks[1]), place)
            .await
            .expect_problem(422, "invalid");
    }
    let back = person
        .patch(&path(&tasks[1]), json!({"status": "todo"}))
        .await
        .expect(200);
    assert_eq!(back["completed_at"], json!(null));
    assert_eq!(titles(&person, &project, "todo").await, ["a", "b"]);
}

async fn titles(person: &Person, project: &Value, status: &str) -> Vec<String> {
    let path = format!("/api/projects/{}/tasks?status={status}", id(project));
    let tasks = person.get(&path).await.expect(200);
    let mut tasks = tasks["items"].as_array().expect("items").clone();
    assert!(tasks.is_sorted_by_key(|task| task["position"].as_str().map(str::to_owned)));
    tasks
        .iter_mut()
        .map(|task| task["title"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn history_is_filtered_by_position_time_and_type() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("HIS").await;
    for title in ["a", "b", "c"] {
        person.create_task(&project, title).await;
    }
    let all = in_sql(&person, &project).await;
    let page = async |query: &str| {
        let path = format!("/api/projects/{}/events?{query}", id(&project));
        let page = person.get(&path).await.expect(200);
        let items = page["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(crate::log::recorded);
        (items.collect::<Vec<_>>(), page["next_after"].clone())
    };
    let (first, next) = page("limit=2").await;
    assert_eq!(
        (first.as_slice(), &next),
        (&all[..2], &json!(all[1].position))
    );
    let (rest, next) = page(&format!("limit=2&after={}", all[1].position)).await;
    assert_eq!(
        (rest.as_slice(), next),
        (&all[2..], json!(null)),
        "a full last page has no next"
    );
    assert_eq!(page("type=devmentor.project.created.v1").await.0, all[..1]);
    assert_eq!(page("type=nothing").await.0, []);
    assert_eq!(page("from=2100-01-01T00:00:00Z").await.0, []);
    assert_eq!(
        page("to=2100-01-01T00:00:00Z&from=2020-01-01T00:00:00%2B02:00")
            .await
            .0,
        all
    );
}
