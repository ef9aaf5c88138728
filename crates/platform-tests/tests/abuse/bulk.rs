//! Attacks by what is large: a project of many tasks that is reviewed again and again, and much that is written at
//! once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use test_kit::{Answer, Person};

use crate::{Abuse, attack};

/// Longest wait of an attacker for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

fn id(of: &Value) -> &str {
    of["id"].as_str().expect("an id")
}

/// An archive of so many issues with this text.
fn archive(issues: usize, text: &str) -> Value {
    let issue = |number: usize| {
        json!({
            "id": format!("I{number}"), "number": number, "title": "An issue", "state": "OPEN", "body": text,
            "createdAt": "2019-01-01T10:00:00Z", "comments": [],
        })
    };
    let issues: Vec<_> = (1..=issues).map(issue).collect();
    json!({"repo": "o/r", "issues": issues})
}

async fn import(person: &Person, project: &Value, archive: &Value) -> Option<Answer> {
    let path = format!("/api/projects/{}/import", id(project));
    let request = person.request(Method::POST, &path).json(archive);
    person.try_send(request.timeout(PATIENCE)).await.ok()
}

#[tokio::test]
async fn reviews_of_a_large_project() {
    let abuse = Abuse::begin("reviews_of_a_large_project").await;
    let person = abuse.platform.person().await;
    let project = person.create_project("MANY").await;
    let imported = import(&person, &project, &archive(20_000, "")).await;
    imported.expect("an answer").expect(200);
    abuse.strike();
    let lasts = abuse.lasts();
    let path = format!("/api/projects/{}/summary?since=0-0", id(&project));
    let answered = attack(move || async move {
        let began = Instant::now();
        let review = async |person: &Person| {
            let mut statuses = Vec::new();
            while began.elapsed() < lasts {
                let request = person.request(Method::GET, &path).timeout(PATIENCE);
                let answer = person.try_send(request).await.ok();
                statuses.extend(answer.map(|answer| answer.status));
            }
            statuses
        };
        let reviews = (0..40).map(|_| review(&person));
        join_all(reviews).await.concat()
    })
    .await;
    let known = |status: &u16| [200, 429, 503, 504].contains(status);
    assert!(
        answered.contains(&200) && answered.iter().all(known),
        "{answered:?}"
    );
    abuse.end("40 reviews at once of 20,000 tasks").await;
}

#[tokio::test]
async fn imports_and_long_texts_at_once() {
    let abuse = Abuse::begin("imports_and_long_texts_at_once").await;
    let mut people = Vec::new();
    for _ in 0..4 {
        let person = abuse.platform.person().await;
        let project = person.create_project("BULK").await;
        people.push((person, project));
    }
    abuse.strike();
    let lasts = abuse.lasts();
    let written = attack(move || async move {
        let began = Instant::now();
        let text = "\u{1f600}".repeat(62_500);
        let archive = &archive(40, &text);
        let imports = people.iter().map(async |(person, _)| {
            let mut imported = 0;
            while began.elapsed() < lasts {
                let key = format!("IN{imported}");
                let project = person.create_project(&key).await;
                imported += usize::from(import(person, &project, archive).await.is_some());
                let path = format!("/api/projects/{}", id(&project));
                person.delete(&path).await;
            }
            imported
        });
        let patches = people.iter().map(async |(person, project)| {
            let task = person.create_task(project, "A task").await;
            let path = format!("/api/tasks/{}", id(&task));
            let mut patched = 0;
            while began.elapsed() < lasts {
                let text = format!("{text}{patched}");
                let answer = person.patch(&path, json!({"description": text})).await;
                patched += usize::from(answer.status == 200);
            }
            patched
        });
        let both = tokio::join!(join_all(imports), join_all(patches));
        [both.0, both.1].concat()
    })
    .await;
    assert!(written.iter().all(|times| *times > 0), "{written:?}");
    abuse
        .end("4 accounts, imports of 10 MB, deletes and texts of 250 kB")
        .await;
}

#[tokio::test]
async fn long_tasks_read_and_changed_without_end() {
    let abuse = Abuse::begin("long_tasks_read_and_changed_without_end").await;
    let mut people = Vec::new();
    for _ in 0..3 {
        let person = abuse.platform.person().await;
        let project = person.create_project("LONG").await;
        let text = "\u{1f600}".repeat(62_500);
        let imported = import(&person, &project, &archive(5, &text)).await;
        imported.expect("an answer").expect(200);
        let tasks = format!("/api/projects/{}/tasks?limit=200", id(&project));
        let listed = person.get(&tasks).await.expect(200);
        let task = format!("/api/tasks/{}", id(&listed["items"][0]));
        people.push((person, tasks, task));
    }
    abuse.strike();
    let lasts = abuse.lasts();
    let answered = attack(move || async move {
        let began = Instant::now();
        // Each on connections of their own: half of them ask for pages of 1 MB, half change a title.
        let client = async |number: usize| {
            let (person, tasks, task) = &people[number % people.len()];
            let mut statuses = Vec::new();
            while began.elapsed() < lasts {
                let request = match number.is_multiple_of(2) {
                    true => person.request(Method::GET, tasks),
                    false => {
                        let title = json!({"title": format!("Title {}", statuses.len())});
                        person.request(Method::PATCH, task).json(&title)
                    }
                };
                let answer = person.try_send(request.timeout(PATIENCE)).await.ok();
                statuses.extend(answer.map(|answer| answer.status));
            }
            statuses
        };
        join_all((0..300).map(client)).await.concat()
    })
    .await;
    let known = |status: &u16| [200, 429, 503, 504].contains(status);
    assert!(
        answered.contains(&200) && answered.iter().all(known),
        "{answered:?}"
    );
    abuse
        .end("3 accounts, 300 connections, answers of 250 kB and 1 MB")
        .await;
}
