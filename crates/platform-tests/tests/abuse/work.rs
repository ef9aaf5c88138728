//! Attacks by the work that an account may ask for: texts, imports, searches.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use test_kit::{Person, RedisServer};

use crate::{Abuse, Raw, attack, sockets::long_history};

async fn used_memory(redis: &RedisServer) -> u64 {
    let mut connection = redis.connect().await;
    let info: String = redis::cmd("INFO")
        .arg("memory")
        .query_async(&mut connection)
        .await
        .expect("INFO");
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|bytes| bytes.trim().parse().ok())
        .expect("a number")
}

#[tokio::test]
async fn long_texts_that_change() {
    let abuse = Abuse::begin("long_texts_that_change").await;
    let person = abuse.platform.person().await;
    let project = person.create_project("TEXT").await;
    let task = person.create_task(&project, "A task").await;
    let before = used_memory(&abuse.platform.streams).await;
    abuse.strike();
    let path = format!("/api/tasks/{}", task["id"].as_str().expect("an id"));
    attack(move || async move {
        for number in 0..600 {
            let letter = if number % 2 == 0 { "x" } else { "y" };
            let text = letter.repeat(65_536);
            let answer = person.patch(&path, json!({"description": text})).await;
            assert_eq!(
                answer.expect(200)["description"],
                text,
                "whole in the answer"
            );
        }
    })
    .await;
    let grown = used_memory(&abuse.platform.streams)
        .await
        .saturating_sub(before);
    assert!(
        grown <= 10 << 20,
        "the streams Redis has grown by {grown} bytes"
    );
    abuse.end("600 changes of 64 KiB").await;
}

#[tokio::test]
async fn imports_that_drip() {
    let abuse = Abuse::begin("imports_that_drip").await;
    let mut drips = Vec::new();
    for number in 0..3 {
        let person = abuse.platform.person().await;
        let project = person.create_project("DRIP").await;
        let head = format!(
            "POST /api/projects/{}/import HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\n\
             authorization: Bearer {}\r\ncontent-length: 60000000\r\n\r\n{{",
            project["id"].as_str().expect("an id"),
            person.token
        );
        drips.push(([127, 0, 1, number + 1], head));
    }
    let importer = abuse.platform.person().await;
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    attack(move || async move {
        let mut connections = Vec::new();
        for (from, head) in drips {
            let mut drip = Raw::connect(&base_url, from).await.expect("a connection");
            drip.send(head.as_bytes()).await;
            connections.push(drip);
        }
        let began = Instant::now();
        let mut imports = 0;
        while began.elapsed() < lasts {
            for drip in &mut connections {
                drip.send(b" ").await;
            }
            // Somebody else's import goes on meanwhile.
            long_history(&importer, &format!("IN{imports}"), 3).await;
            imports += 1;
        }
    })
    .await;
    abuse.end("3 uploads of 60 MB, some bytes each").await;
}

#[tokio::test]
async fn searches_through_everything() {
    let abuse = Abuse::begin("searches_through_everything").await;
    let person = abuse.platform.person().await;
    let project = person.create_project("MUCH").await;
    import_text(&person, &project, 300).await;
    abuse.strike();
    let lasts = abuse.lasts();
    let path = format!(
        "/api/projects/{}/tasks?q=zzz",
        project["id"].as_str().expect("an id")
    );
    let answered = attack(move || async move {
        let search = async |person: &Person| {
            let began = Instant::now();
            let mut statuses = Vec::new();
            while began.elapsed() < lasts {
                let request = person.request(Method::GET, &path);
                let answer = person.try_send(request.timeout(Duration::from_secs(3)));
                statuses.extend(answer.await.ok().map(|answer| answer.status));
            }
            statuses
        };
        let searches = (0..8).map(|_| search(&person));
        futures_util::future::join_all(searches).await.concat()
    })
    .await;
    let known = |status: &u16| [200, 429, 503, 504].contains(status);
    assert!(
        !answered.is_empty() && answered.iter().all(known),
        "{answered:?}"
    );
    abuse.end("8 searches at once through 75 MB").await;
}

#[tokio::test]
async fn pages_that_nobody_reads() {
    let mut abuse = Abuse::begin("pages_that_nobody_reads").await;
    let mut asked = Vec::new();
    for _ in 0..2 {
        let person = abuse.platform.person().await;
        let project = person.create_project("MUCH").await;
        import_text(&person, &project, 40).await;
        let path = format!("/api/projects/{}/tasks", text(&project, "id"));
        asked.push((path, person.token));
    }
    const SERVICES: [&str; 2] = ["ui-gateway", "project-service"];
    let before = SERVICES.map(|service| abuse.resident(service));
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let attack = attack(move || async move {
        let mut connections = Vec::new();
        for number in 0..100 {
            let (path, token) = &asked[number % asked.len()];
            let mut connection = Raw::connect(&base_url, [127, 5, 0, 1])
                .await
                .expect("a connection");
            let get = format!(
                "GET {path}?limit=200 HTTP/1.1\r\nHost: x\r\nauthorization: Bearer {token}\r\n\r\n"
            );
            // Some more of the same, which is not looked at before the first is read.
            connection.send(get.repeat(5).as_bytes()).await;
            connections.push(connection);
        }
        tokio::time::sleep(lasts).await;
        let mut statuses = Vec::new();
        for connection in &mut connections {
            let head = connection.head().await;
            statuses.push(head.split(' ').nth(1).unwrap_or_default().to_owned());
        }
        statuses
    });
    let watch = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        SERVICES.map(|service| abuse.resident(service))
    };
    let (statuses, during) = tokio::join!(attack, watch);
    let after = SERVICES.map(|service| abuse.resident(service));
    for (index, service) in SERVICES.into_iter().enumerate() {
        let grown = [during, after].map(|now| now[index].saturating_sub(before[index]));
        // 16 MiB of each account, and as much as is on its way: a hundred pages were asked for at once.
        let is_bounded = grown.iter().all(|grown| *grown < 96 << 20);
        assert!(is_bounded, "{service} has grown by {grown:?} bytes");
    }
    let known = |status: &String| ["200", "429", "503"].contains(&&**status);
    assert!(statuses.iter().all(known), "{statuses:?}");
    abuse.end("2 accounts, 500 pages of 1 MB").await;
}

fn text<'a>(of: &'a Value, field: &str) -> &'a str {
    of[field].as_str().expect("a text")
}

/// So many tasks of 250 kB of text each.
async fn import_text(person: &Person, project: &Value, tasks: usize) {
    let path = format!(
        "/api/projects/{}/tasks",
        project["id"].as_str().expect("an id")
    );
    for number in 0..tasks {
        let text = "\u{1f600}".repeat(62_500);
        let task = json!({"title": format!("Task {number}"), "description": text});
        person.post(&path, task).await.expect(201);
    }
}
