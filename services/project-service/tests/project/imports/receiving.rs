//! What arrives slowly, or not at all, costs nobody else their import.

use std::time::Duration;

use service_kit::{
    Code,
    pace::{PACE_BYTES, PACE_WITHIN},
};
use test_kit::{PATIENCE, Person, Platform, eventually};
use tokio::time::{Instant, interval};

use super::{Upload, archive, import};
use crate::{Room, id};

async fn tasks(person: &Person, project: &serde_json::Value) -> usize {
    let path = format!("/api/projects/{}/tasks", id(project));
    let tasks = person.get(&path).await.expect(200);
    tasks["items"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn slow_archives_of_two_people_stop_nobody_elses_import() {
    let platform = Platform::start().await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let person = platform.person().await;
        let project = person.create_project("SLOW").await;
        let upload = Upload::begin(&platform, &person, &project).await;
        let upload = upload.expect("a place");
        assert!(upload.send(&archive(1)[..1]).await);
        slow.push(upload);
    }
    let bystander = platform.person().await;
    let project = bystander.create_project("FAST").await;
    for issues in [3, 5] {
        let done = import(&platform, &bystander, &project, &archive(issues)).await;
        assert_eq!(done.expect("imported").issues_done, issues as u32);
    }
    assert_eq!(tasks(&bystander, &project).await, 5);
    for upload in slow {
        let done = upload.finish(&archive(1)[1..]).await.expect("imported");
        assert_eq!(done.issues_imported, 1);
    }
}

#[tokio::test]
async fn one_person_has_one_import_at_a_time_until_it_ends_or_is_given_up() {
    let Room {
        platform,
        person,
        project,
    } = Room::open().await;
    let other_session = person.sign_in_again().await;
    let first = Upload::begin(&platform, &person, &project).await;
    let first = first.expect("a place");
    let second = Upload::begin(&platform, &other_session, &project).await;
    let second = second.map(drop).expect_err("refused");
    assert_eq!(second.code, Code::RateLimited);
    assert!(second.retry_after.is_some(), "{second}");
    drop(first);
    eventually("the place is free", PATIENCE, async || {
        import(&platform, &other_session, &project, &archive(1)).await
    })
    .await;
    let again = import(&platform, &person, &project, &archive(1)).await;
    assert_eq!(again.expect("imported").issues_imported, 0);
}

#[tokio::test]
async fn an_archive_that_drips_is_ended_and_one_that_keeps_the_pace_goes_on() {
    let Room {
        platform,
        person,
        project,
    } = Room::open().await;
    let steady = platform.person().await;
    let its_project = steady.create_project("STEADY").await;
    let drip = Upload::begin(&platform, &person, &project).await;
    let drip = drip.expect("a place");
    let slow = Upload::begin(&platform, &steady, &its_project).await;
    let slow = slow.expect("a place");
    let began = Instant::now();
    let dripping = async {
        let mut tick = interval(Duration::from_secs(1));
        while drip.send(b" ").await {
            tick.tick().await;
        }
        let ended = super::end(drip.answers).await;
        (ended.expect_err("too slow"), began.elapsed())
    };
    let slowly = async {
        let mut tick = interval(PACE_WITHIN / 4);
        for _ in 0..6 {
            tick.tick().await;
            assert!(slow.send(&[b' '; PACE_BYTES / 2]).await);
        }
        slow.finish(&archive(1)).await
    };
    let ((problem, after), done) = tokio::join!(dripping, slowly);
    assert_eq!(problem.code, Code::RequestTimeout);
    assert!(problem.detail.contains("10 s"), "{problem}");
    assert!(
        (PACE_WITHIN..PACE_WITHIN + PATIENCE).contains(&after),
        "{after:?}"
    );
    assert!(began.elapsed() > PACE_WITHIN);
    assert_eq!(done.expect("imported").issues_imported, 1);
}

#[tokio::test]
async fn who_signs_out_while_the_archive_is_on_its_way_writes_nothing() {
    let Room {
        platform,
        person,
        project,
    } = Room::open().await;
    let other_session = person.sign_in_again().await;
    let upload = Upload::begin(&platform, &person, &project).await;
    let upload = upload.expect("a place");
    let archive = archive(1);
    assert!(upload.send(&archive[..9]).await);
    person.post("/api/auth/logout", serde_json::json!({})).await;
    let room = Room {
        platform,
        person,
        project,
    };
    eventually("the sign-out is known", PATIENCE, async || {
        match room.asked_by(&room.person, id(&room.project), "").await {
            Ok(_) => Err("not yet"),
            Err(_) => Ok(()),
        }
    })
    .await;
    let refused = upload.finish(&archive[9..]).await.expect_err("signed out");
    assert_eq!(refused.code, Code::SessionEnded);
    assert_eq!(tasks(&other_session, &room.project).await, 0);
    let done = import(&room.platform, &other_session, &room.project, &archive).await;
    assert_eq!(done.expect("imported").issues_imported, 1);
}
