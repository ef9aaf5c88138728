//! What a person may add in a day is bounded, and nobody else notices who has had theirs.

use serde_json::{Value, json};
use service_kit::Code;
use test_kit::{Answer, PATIENCE, Person, Platform, eventually};

use crate::{
    id,
    imports::{Upload, archive, import},
};

const STREAM_BYTES: usize = 100_000;
const IMPORT_BYTES: usize = 4096;

/// Bytes that are let in between two times that Redis is told, on the slowest of machines.
const ON_ITS_WAY: usize = 2_000_000;

async fn limited() -> Platform {
    Platform::builder()
        .set("limits.stream_bytes_per_day", &STREAM_BYTES.to_string())
        .set("limits.import_bytes_per_day", &IMPORT_BYTES.to_string())
        .start()
        .await
}

/// Makes tasks until one is refused; answers the bytes that were let in, and the refusal.
async fn exhaust(person: &Person, project: &Value) -> (usize, Answer) {
    let path = format!("/api/projects/{}/tasks", id(project));
    let mut bytes = 0;
    loop {
        let task = json!({"title": "Much", "description": "x".repeat(2000)});
        let answer = person.post(&path, task).await;
        if answer.status != 201 {
            return (bytes, answer);
        }
        bytes += 2000;
        assert!(bytes < STREAM_BYTES + ON_ITS_WAY, "nothing is refused");
    }
}

fn assert_until_tomorrow(refused: &Answer) {
    refused.expect_problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=86_401).contains(&wait), "{wait}");
}

#[tokio::test]
async fn who_has_had_their_share_is_refused_until_the_day_ends_and_nobody_else_is() {
    let mut platform = limited().await;
    let (attacker, bystander) = (platform.person().await, platform.person().await);
    let much = attacker.create_project("MUCH").await;
    let beside = bystander.create_project("BESIDE").await;
    let task = attacker.create_task(&much, "A task").await;
    let comments = format!("/api/tasks/{}/comments", id(&task));
    let comment = attacker.post(&comments, json!({"body": "Mine"})).await;
    let comment = comment.expect(201);
    let (bytes, refused) = exhaust(&attacker, &much).await;
    assert!(bytes > STREAM_BYTES / 2 && bytes <= STREAM_BYTES, "{bytes}");
    assert_until_tomorrow(&refused);
    // Whatever the change, with whichever token; reads go on.
    let path = format!("/api/tasks/{}", id(&task));
    for refused in [
        attacker.patch(&path, json!({"title": "Other"})).await,
        attacker
            .sign_in_again()
            .await
            .patch(&path, json!({"title": "Other"}))
            .await,
    ] {
        assert_until_tomorrow(&refused);
    }
    attacker.get(&path).await.expect(200);
    // What makes room is nobody's share: their own go, once, and nothing can be added for it.
    let comment = format!("/api/comments/{}", id(&comment));
    for mine in [&comment, &path] {
        attacker.delete(mine).await.expect(204);
        attacker.delete(mine).await.expect_problem(404, "not_found");
    }
    bystander.create_task(&beside, "Beside").await;

    platform.restart("project-service").await;
    let path = format!("/api/projects/{}/tasks", id(&much));
    eventually("refused again", PATIENCE, async || {
        let answer = attacker.post(&path, json!({"title": "More"})).await;
        if answer.status == 429 {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await;
    platform.cache.stop().await;
    platform.cache.wipe();
    platform.cache.restart().await;
    platform.wait_ready("project-service").await;
    eventually("refused still", PATIENCE, async || {
        let answer = attacker.post(&path, json!({"title": "More"})).await;
        match answer.status {
            429 => Ok(()),
            201 => panic!("an emptied cache gives nobody a second share"),
            _ => Err(answer),
        }
    })
    .await;
    eventually("the bystander goes on", PATIENCE, async || {
        let path = format!("/api/projects/{}/tasks", id(&beside));
        let answer = bystander.post(&path, json!({"title": "Beside"})).await;
        if answer.status == 201 {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await;
}

#[tokio::test]
async fn imports_count_by_their_file_and_are_refused_before_it_is_taken_in() {
    let platform = limited().await;
    let (attacker, bystander) = (platform.person().await, platform.person().await);
    let project = attacker.create_project("FILES").await;
    let small = archive(20);
    assert!(
        small.len() < IMPORT_BYTES && 2 * small.len() > IMPORT_BYTES,
        "{}",
        small.len()
    );
    import(&platform, &attacker, &project, &small)
        .await
        .expect("imported");
    for _ in 0..2 {
        let refused = import(&platform, &attacker, &project, &small)
            .await
            .expect_err("refused");
        assert_eq!(refused.code, Code::RateLimited, "{refused:?}");
        assert!(
            refused.detail.contains("4 KiB of archives"),
            "{}",
            refused.detail
        );
    }
    // Changes count apart.
    attacker.create_task(&project, "A task").await;
    // What is refused for what is in it, and what is broken off, has cost what arrived.
    for (whole, name) in [(true, "JUNK"), (false, "CUT")] {
        let wasteful = platform.person().await;
        let project = wasteful.create_project(name).await;
        let upload = Upload::begin(&platform, &wasteful, &project).await;
        let upload = upload.expect("a place");
        assert!(upload.send(&[b'x'; IMPORT_BYTES]).await);
        match whole {
            true => drop(upload.finish(b"").await.expect_err("no archive")),
            false => upload.give_up().await,
        }
        eventually("refused", PATIENCE, async || {
            match import(&platform, &wasteful, &project, &small).await {
                Err(refused) if refused.detail.contains("of archives") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
    let beside = bystander.create_project("BESIDE").await;
    import(&platform, &bystander, &beside, &small)
        .await
        .expect("imported");
}
