//! Importing an archive: whole, twice, cut off half-way, broken.

use std::{collections::BTreeMap, path::Path};

use reqwest::Method;
use serde_json::{Value, json};
use test_kit::{Answer, PATIENCE, Person, Platform, eventually};

use crate::log::{all_published, heard, id, in_sql, in_timeline, silence, topic, types};

/// An archive of so many issues with so many comments each; every third issue is closed.
pub(crate) fn archive(issues: usize, comments: usize) -> Value {
    let comment = |number: usize| {
        json!({
            "author": "somebody-else",
            "authorAssociation": "MEMBER",
            "body": format!("Comment **{number}**\r\nwith a second line"),
            "createdAt": "2019-02-01T10:00:00Z",
            "updatedAt": "2019-02-01T10:00:00Z",
        })
    };
    let issue = |number: usize| {
        let closed = number.is_multiple_of(3);
        json!({
            "number": number,
            "id": format!("MDU6SXNzdWU{number}"),
            "title": format!("Issue {number}: gears \u{2699}"),
            "url": format!("https://example.com/o/r/issues/{number}"),
            "state": if closed { "CLOSED" } else { "OPEN" },
            "author": "somebody",
            "authorAssociation": "CONTRIBUTOR",
            "assignees": [],
            "labels": ["bug", "on paper"],
            "body": format!("Body of {number}"),
            "createdAt": "2019-01-01T10:00:00Z",
            "updatedAt": "2019-01-02T10:00:00Z",
            "closedAt": closed.then_some("2019-01-03T10:00:00Z"),
            "comments": (0..comments).map(comment).collect::<Vec<_>>(),
        })
    };
    json!({
        "magic": "E!vIA5L86J2I",
        "timestamp": "2020-01-01T00:00:00Z",
        "repo": "o/r",
        "labels": [{"name": "bug", "color": "ff0000"}],
        "issues": (1..=issues).map(issue).collect::<Vec<_>>(),
    })
}

fn path(project: &Value) -> String {
    format!("/api/projects/{}/import", id(project))
}

/// Imports an archive and waits for the end.
pub(crate) async fn import(person: &Person, project: &Value, archive: &Value) -> Answer {
    person.post(&path(project), archive.clone()).await
}

/// The lines of an answer that went well; the last says what was done.
fn lines(answer: Answer) -> Vec<Value> {
    assert_eq!(
        answer.header("content-type"),
        "application/x-ndjson",
        "{answer}"
    );
    match answer.expect(200) {
        Value::String(text) => text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect(),
        line => vec![line],
    }
}

#[tokio::test]
async fn an_archive_arrives_whole_and_live_and_a_second_time_changes_nothing() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("ARC").await;
    let mut live = person.live().await;
    live.subscribe(&topic(&project), None).await;
    live.expect("subscribed").await;
    let archive = archive(60, 2);
    let told = lines(import(&person, &project, &archive).await);
    let done = told.last().expect("a last line");
    assert_eq!(
        *done,
        json!({"type": "done", "issues_total": 60, "comments_total": 120, "issues_imported": 60, "comments_imported": 120})
    );
    assert!(told.len() > 2, "progress is told: {told:?}");
    let stored = all_published(&person, &project, &platform.streams).await;
    let mut counts = BTreeMap::new();
    types(&stored)
        .into_iter()
        .for_each(|kind| *counts.entry(kind).or_insert(0) += 1);
    assert_eq!(
        counts,
        BTreeMap::from([
            ("project.created", 1),
            ("task.created", 60),
            ("comment.added", 120)
        ])
    );
    assert_eq!(heard(&mut live, 180).await, stored[1..]);

    let again = lines(import(&person, &project, &archive).await);
    let done = again.last().expect("a last line");
    assert_eq!(
        (&done["issues_imported"], &done["comments_imported"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(in_sql(&person, &project).await, stored);
    assert_eq!(in_timeline(&platform.streams, &project).await, stored);
    silence(&mut live).await;
}

#[tokio::test]
async fn an_imported_issue_is_a_task_of_the_archives_time_and_author() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("ARC").await;
    import(&person, &project, &archive(3, 1)).await.expect(200);
    let tasks = person
        .get(&format!("/api/projects/{}/tasks?status=done", id(&project)))
        .await
        .expect(200);
    let task = &tasks["items"][0];
    assert_eq!(tasks["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(task["title"], "Issue 3: gears \u{2699}");
    assert_eq!(task["author"], json!({"user_id": null, "name": "somebody"}));
    assert_eq!(task["labels"], json!(["bug", "on paper"]));
    assert_eq!(task["created_at"], "2019-01-01T10:00:00.000Z");
    assert_eq!(task["completed_at"], "2019-01-03T10:00:00.000Z");
    assert_eq!(task["comment_count"], 1);
    let comments = person
        .get(&format!("/api/tasks/{}/comments", id(task)))
        .await
        .expect(200);
    let comment = &comments["items"][0];
    assert_eq!(comment["body"], "Comment **0**\nwith a second line");
    assert_eq!(
        comment["author"],
        json!({"user_id": null, "name": "somebody-else"})
    );
    assert_eq!(comment["created_at"], "2019-02-01T10:00:00.000Z");
    let events = in_sql(&person, &project).await;
    assert_eq!(events[1].event["time"], "2019-01-01T10:00:00.000Z");
    assert_eq!(events[1].event["actor"], person.id.as_str());
}

#[tokio::test]
async fn an_import_cut_off_by_kill_9_is_finished_by_running_it_again() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("CUT").await;
    let archive = archive(300, 3);
    let importing = {
        let (person, request) = (
            person.clone(),
            person.request(Method::POST, &path(&project)).json(&archive),
        );
        tokio::spawn(async move { person.try_send(request).await })
    };
    eventually("some of it is stored", PATIENCE, async || {
        match in_sql(&person, &project).await.len() {
            0..=1 => Err("nothing yet"),
            _ => Ok(()),
        }
    })
    .await;
    platform.kill("project-service");
    let cut = importing.await.expect("no panic");
    platform.restart("project-service").await;
    let whole = matches!(&cut, Ok(answer) if answer.body.to_string().contains("\\\"done\\\""));
    assert!(!whole, "it was too fast to be cut: {cut:?}");
    let before = in_sql(&person, &project).await.len();
    assert!(before < 1201, "{before}");

    let told = lines(import(&person, &project, &archive).await);
    let done = told.last().expect("a last line");
    let imported = done["issues_imported"]
        .as_u64()
        .zip(done["comments_imported"].as_u64());
    assert_eq!(
        imported.map(|(issues, comments)| issues + comments),
        Some(1201 - before as u64)
    );
    let stored = all_published(&person, &project, &platform.streams).await;
    assert_eq!(stored.len(), 1201);
    let mut subjects: Vec<_> = stored
        .iter()
        .map(|recorded| recorded.event["subject"].to_string())
        .collect();
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), 1201, "each thing once");
}

#[tokio::test]
async fn a_broken_archive_names_its_place_and_nothing_is_written() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("BAD").await;
    let rows = [
        ("/issues/1/title", json!(7), "issues[1].title"),
        ("/issues/1/title", json!(""), "issues[1].title"),
        ("/issues/1/title", json!("x".repeat(301)), "issues[1].title"),
        ("/issues/2/state", json!("MERGED"), "issues[2].state"),
        (
            "/issues/0/createdAt",
            json!("yesterday"),
            "issues[0].createdAt",
        ),
        (
            "/issues/0/createdAt",
            json!("9999-12-31T23:59:59-01:00"),
            "issues[0].createdAt",
        ),
        (
            "/issues/0/comments/1/body",
            json!("bell \u{7}"),
            "issues[0].comments[1].body",
        ),
        ("/issues/0/comments", json!({}), "issues[0].comments"),
        (
            "/issues/0/labels/0",
            json!("x".repeat(65)),
            "issues[0].labels[0]",
        ),
        ("/issues/2/id", json!("the same"), "issues[2].id"),
        ("/issues/0/number", json!(-1), "issues[0].number"),
        ("/issues", json!("none"), "issues"),
        ("/repo", json!(null), "repo"),
    ];
    for (pointer, value, place) in rows {
        let mut broken = archive(3, 2);
        if pointer == "/issues/2/id" {
            broken["issues"][1]["id"] = value.clone();
        }
        *broken.pointer_mut(pointer).expect("a place") = value;
        let answer = import(&person, &project, &broken).await;
        answer.expect_problem(422, "invalid");
        assert_eq!(answer.body["errors"][0]["field"], place, "{answer}");
    }
    let whole = archive(3, 2).to_string();
    let nested = format!(
        r#"{{"repo":"o/r","issues":[],"more":{}"#,
        "[".repeat(1_000_000)
    );
    for broken in [
        "",
        "{",
        "nothing",
        &whole[..whole.len() / 2],
        &nested,
        &format!("{whole} {whole}"),
    ] {
        let request = person.request(Method::POST, &path(&project));
        let request = request
            .header("content-type", "application/json")
            .body(broken.to_owned());
        let answer = person.send(request).await;
        answer.expect_problem(400, "malformed");
        assert!(
            answer.body["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("line")),
            "{answer}"
        );
    }
    assert_eq!(
        in_sql(&person, &project).await.len(),
        1,
        "only the project itself"
    );
    person.create_task(&project, "Still works").await;
}

#[tokio::test]
async fn only_the_owner_imports_and_only_json_up_to_64_mib() {
    let platform = Platform::start().await;
    let (person, stranger) = (platform.person().await, platform.person().await);
    let project = person.create_project("OWN").await;
    import(&stranger, &project, &archive(1, 0))
        .await
        .expect_problem(404, "not_found");
    let request = person
        .request(Method::POST, &path(&project))
        .header("content-type", "text/plain");
    person
        .send(request.body("{}"))
        .await
        .expect_problem(415, "unsupported_media_type");
    let too_large = format!(r#"{{"repo":"{}""#, "x".repeat(65 << 20));
    let request = person
        .request(Method::POST, &path(&project))
        .header("content-type", "application/json");
    person
        .send(request.body(too_large))
        .await
        .expect_problem(413, "too_large");
}

/// 157 issues and 803 comments of a standards group's tracker, where it lies.
const SHARED: &str = "../../../shared/data/issue-archive.json";

#[tokio::test]
async fn a_real_archive_arrives_whole() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(SHARED);
    let Ok(text) = std::fs::read_to_string(&file) else {
        return;
    };
    let archive: Value = serde_json::from_str(&text).expect("JSON");
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("ECH").await;
    let mut live = person.live().await;
    live.subscribe(&topic(&project), None).await;
    live.expect("subscribed").await;
    let listening = tokio::spawn(async move { heard(&mut live, 157 + 803).await });
    import(&person, &project, &archive).await.expect(200);
    let stored = all_published(&person, &project, &platform.streams).await;
    assert_eq!(stored.len(), 1 + 157 + 803);
    assert_eq!(listening.await.expect("heard"), stored[1..]);
}
