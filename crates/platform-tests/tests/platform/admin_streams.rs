//! The streams and their dead letters, as admins see them.

use redis_contracts::{AI_EVENTS, DEAD_LETTERS, FEEDBACK, INTERACTIONS};
use serde_json::{Value, json};
use test_kit::{PATIENCE, Person, Platform, eventually};

use crate::mentor::{ask, rate};

#[tokio::test]
async fn admins_see_streams_and_dead_letters() {
    let platform = Platform::start().await;
    let (person, admin) = (platform.person().await, platform.admin().await);
    let reply = ask(&person, "What should I do next?").await;
    rate(&person, &reply, 2).await.expect(202);
    let junk = [r#"{"type":"junk"}"#, "no JSON", r#"{"specversion":"1.0"}"#];
    for event in junk {
        let mut command = redis::cmd("XADD");
        command
            .arg(FEEDBACK.key(()).name())
            .arg("*")
            .arg("event")
            .arg(event);
        let mut streams = platform.streams.connect().await;
        command.exec_async(&mut streams).await.expect("XADD");
    }
    let page = |query: &'static str| {
        let admin = admin.clone();
        async move {
            let path = format!("/api/admin/dlq/{}{query}", FEEDBACK.key(()).name());
            admin.get(&path).await.expect(200)
        }
    };
    let all = eventually("dead letters", PATIENCE, async || {
        let all = page("").await;
        if all["items"].as_array().map(Vec::len) == Some(3) {
            Ok(all)
        } else {
            Err(all)
        }
    })
    .await;
    assert_eq!(all["next_cursor"], json!(null));
    let expected = [
        json!({"specversion": "1.0"}),
        json!("no JSON"),
        json!({"type": "junk"}),
    ];
    for (letter, event) in all["items"].as_array().expect("items").iter().zip(expected) {
        assert_eq!(
            letter["event"], event,
            "newest first, JSON where it is JSON"
        );
        assert_eq!(letter["source_stream"], FEEDBACK.key(()).name());
        for field in ["id", "source_id", "group", "error", "failed_at"] {
            assert!(
                letter[field].as_str().is_some_and(|text| !text.is_empty()),
                "{letter}"
            );
        }
        assert!(letter["attempts"].is_u64(), "{letter}");
    }
    let first = page("?limit=2").await;
    let cursor = first["next_cursor"].as_str().expect("more").to_owned();
    let path = format!("/api/admin/dlq/{}?cursor={cursor}", FEEDBACK.key(()).name());
    let rest = admin.get(&path).await.expect(200);
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(rest["items"], json!([all["items"][2]]));

    let streams = eventually("all is settled", PATIENCE, async || {
        let told = admin.get("/api/admin/streams").await.expect(200);
        let feedback = stream(&told, FEEDBACK.key(()).name());
        let group = &feedback["groups"][0];
        let settled = group["lag"] == 0 && group["pending"] == 0;
        if settled { Ok(told) } else { Err(told) }
    })
    .await;
    let feedback = stream(&streams, FEEDBACK.key(()).name());
    assert_eq!(
        (&feedback["length"], &feedback["dead_letters"]),
        (&json!(4), &json!(3))
    );
    assert!(feedback["bytes"].as_u64() > Some(0));
    let group = &feedback["groups"][0];
    assert_eq!(
        (
            &group["group"],
            &group["consumers"],
            &group["lag_seconds"],
            &group["oldest_pending_seconds"]
        ),
        (
            &json!("learning-group"),
            &json!(1),
            &json!(0.0),
            &json!(0.0)
        )
    );
    for name in [AI_EVENTS.key(()).name(), INTERACTIONS.key(()).name()] {
        assert_eq!(stream(&streams, name)["dead_letters"], 0);
    }
    let names = streams["streams"].as_array().expect("streams").iter();
    assert!(
        names
            .clone()
            .all(|of| !of["stream"].as_str().unwrap_or("{").contains('{'))
    );

    admin_only(&person, &admin).await;
}

async fn admin_only(person: &Person, admin: &Person) {
    let dlq = format!("/api/admin/dlq/{}", FEEDBACK.key(()).name());
    for path in ["/api/admin/streams", &dlq, "/api/admin/dlq/nothing"] {
        person.get(path).await.expect_problem(403, "forbidden");
    }
    let of_letters = DEAD_LETTERS.key(FEEDBACK.key(()).name().to_owned());
    for unknown in [
        "nothing",
        of_letters.name(),
        "stream:devmentor:project:{id}",
        "%00",
    ] {
        let path = format!("/api/admin/dlq/{unknown}");
        admin.get(&path).await.expect_problem(404, "not_found");
    }
    for query in ["limit=0", "limit=201", "cursor=x", "cursor=-"] {
        let path = format!("{dlq}?{query}");
        admin.get(&path).await.expect_problem(422, "invalid");
    }
}

#[track_caller]
fn stream<'a>(told: &'a Value, name: &str) -> &'a Value {
    let mut streams = told["streams"].as_array().expect("streams").iter();
    streams
        .find(|of| of["stream"] == name)
        .unwrap_or_else(|| panic!("no {name}: {told}"))
}

#[tokio::test]
async fn what_is_no_stream_hides_no_other_from_admins() {
    let platform = Platform::start().await;
    let (person, admin) = (platform.person().await, platform.admin().await);
    let dead = DEAD_LETTERS.key(FEEDBACK.key(()).name().to_owned());
    for key in [dead.name(), "ai:model:updates"] {
        let mut streams = platform.streams.connect().await;
        let mut command = redis::cmd("SET");
        command.arg(key).arg("by mistake");
        command.exec_async(&mut streams).await.expect("SET");
    }
    let listed = admin.get("/api/admin/streams").await.expect(200);
    let streams = listed["streams"].as_array().expect("streams");
    let feedback = streams.iter().find(|of| of["stream"] == "user:feedback");
    assert_eq!(feedback.map(|of| &of["dead_letters"]), Some(&json!(0)));
    let page = admin.get("/api/admin/dlq/user:feedback").await.expect(200);
    assert_eq!(page["items"], json!([]));
    let reply = ask(&person, "What should I do next?").await;
    rate(&person, &reply, 2).await.expect(202);
}
