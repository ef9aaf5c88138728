//! Projects, tasks and comments.

use serde_json::json;
use test_kit::Platform;

use super::{document::Contract, text};
use crate::import::archive;

pub(super) async fn tell(contract: &mut Contract, platform: &Platform) {
    let person = &platform.person().await;
    let create = contract.ask(person, "POST /api/projects", "");
    let project = json!({"key": "DOC", "name": "A document", "description": "Text"});
    let project = create.json(project).expect(201).await;
    let id = &text(&project, "/id");
    let taken = contract.ask(person, "POST /api/projects", "");
    let taken = taken.json(json!({"key": "DOC", "name": "Another"}));
    taken.refused(409, "key_taken").await;
    contract
        .ask(person, "GET /api/projects/{id}", id)
        .expect(200)
        .await;
    let change = contract.ask(person, "PATCH /api/projects/{id}", id);
    change
        .json(json!({"name": "The document"}))
        .expect(200)
        .await;
    let other = person.create_project("DOC2").await;
    contract
        .ask(person, "GET /api/projects", "?limit=1")
        .expect(200)
        .await;

    let create = contract.ask(person, "POST /api/projects/{id}/tasks", id);
    let task = json!({
        "title": "A task",
        "description": "- [ ] a step",
        "labels": ["docs"],
        "due_on": "2020-01-31",
    });
    let task = create.json(task).expect(201).await;
    let task_id = &text(&task, "/id");
    contract
        .ask(person, "GET /api/tasks/{id}", task_id)
        .expect(200)
        .await;
    let import = contract.ask(person, "POST /api/projects/{id}/import", id);
    import.json(archive(3, 3)).expect(200).await;
    let broken = contract.ask(person, "POST /api/projects/{id}/import", id);
    broken.json(json!({"magic": "other"})).answer().await;
    let page = format!("{id}?limit=1");
    contract
        .ask(person, "GET /api/projects/{id}/tasks", &page)
        .expect(200)
        .await;
    contract
        .ask(person, "GET /api/projects/{id}/tasks", id)
        .expect(200)
        .await;

    let create = contract.ask(person, "POST /api/tasks/{id}/comments", task_id);
    let comment = create.json(json!({"body": "A comment"})).expect(201).await;
    let comment_id = &text(&comment, "/id");
    person
        .post(
            &format!("/api/tasks/{task_id}/comments"),
            json!({"body": "Two"}),
        )
        .await
        .expect(201);
    let page = format!("{task_id}?limit=1");
    contract
        .ask(person, "GET /api/tasks/{id}/comments", &page)
        .expect(200)
        .await;
    let imported = person
        .get(&format!("/api/projects/{id}/tasks?q=gears"))
        .await
        .expect(200);
    let imported = text(&imported, "/items/0/id");
    contract
        .ask(person, "GET /api/tasks/{id}/comments", &imported)
        .expect(200)
        .await;
    let change = contract.ask(person, "PATCH /api/comments/{id}", comment_id);
    change
        .json(json!({"body": "Another text"}))
        .expect(200)
        .await;

    let change = contract.ask(person, "PATCH /api/tasks/{id}", task_id);
    change
        .json(json!({"status": "in_progress"}))
        .expect(200)
        .await;
    let stale = contract.ask(person, "PATCH /api/tasks/{id}", task_id);
    let stale = stale.with(|request| request.header("if-match", "\"1\""));
    let stale = stale.json(json!({"status": "done"}));
    stale.refused(412, "version_mismatch").await;
    let events = contract.ask(
        person,
        "GET /api/projects/{id}/events",
        &format!("{id}?limit=1"),
    );
    let events = events.expect(200).await;
    let since = text(&events, "/items/0/position");
    for query in ["", &*format!("?since={since}")] {
        let summary = format!("{id}{query}");
        contract
            .ask(person, "GET /api/projects/{id}/summary", &summary)
            .expect(200)
            .await;
    }
    contract
        .ask(person, "DELETE /api/comments/{id}", comment_id)
        .expect(204)
        .await;
    contract
        .ask(person, "DELETE /api/tasks/{id}", task_id)
        .expect(204)
        .await;
    let export = contract.ask(person, "GET /api/me/export", "");
    export.expect(200).await;
    contract
        .ask(person, "DELETE /api/projects/{id}", &text(&other, "/id"))
        .expect(204)
        .await;

    let once = |title: &str| json!({"title": title});
    let path = "POST /api/projects/{id}/tasks";
    for (title, status) in [("One", 201), ("Other", 422)] {
        let create = contract.ask(person, path, id);
        let create = create.with(|request| request.header("idempotency-key", "the-same"));
        let answer = create.json(once(title)).answer().await;
        assert_eq!(answer.status, status, "{answer}");
    }
}
