//! The whole loop over REST and WebSocket: ask, rate, and see the profile move.

use reqwest::{Method, header::ACCEPT};
use serde_json::{Value, json};
use test_kit::{Answer, Live, PATIENCE, Person, Platform, eventually};

use crate::log::id;

/// The mentor's reply.
pub(crate) async fn ask(person: &Person, message: &str) -> Value {
    let asked = json!({"message": message});
    person.post("/api/ai/chat", asked).await.expect(200)
}

fn rating(reply: &Value, rating: u8) -> Value {
    json!({"target_type": "mentor_reply", "target_id": reply["message_id"], "rating": rating})
}

/// What a rating of a reply is answered.
pub(crate) async fn rate(person: &Person, reply: &Value, stars: u8) -> Answer {
    person.post("/api/feedback", rating(reply, stars)).await
}

/// The person's topic, from now on.
async fn listening(person: &Person) -> Live {
    let mut live = person.live().await;
    live.subscribe(&format!("user:{}", person.id), None).await;
    live.expect("subscribed").await;
    live
}

/// The next event of this type.
async fn told(live: &mut Live, kind: &str) -> Value {
    loop {
        let frame = live.expect("event").await;
        if frame["event"]["type"] == kind {
            return frame["event"].clone();
        }
    }
}

/// Kind and data of each server-sent event.
fn sse(text: &str) -> Vec<(String, Value)> {
    assert!(text.ends_with("\n\n"), "{text:?}");
    let events = text.trim_end().split("\n\n").map(|event| {
        let (kind, data) = event.split_once('\n').expect("two lines");
        let kind = kind.strip_prefix("event: ").expect("a kind").to_owned();
        let data = data.strip_prefix("data: ").expect("data");
        (kind, serde_json::from_str(data).expect("JSON"))
    });
    events.collect()
}

#[tokio::test]
async fn a_rating_moves_the_profile_and_the_page_hears_of_it() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let before = person.get("/api/learning/profile").await.expect(200);
    assert_eq!(
        (
            &before["user_id"],
            &before["version"],
            &before["feedback_count"]
        ),
        (&json!(person.id), &json!(0), &json!(0))
    );
    assert_eq!(
        (&before["average_rating"], &before["updated_at"]),
        (&json!(null), &json!(null))
    );
    for (_, choices) in before["style"].as_object().expect("dimensions") {
        let choices = choices.as_object().expect("choices");
        let sum: f64 = choices.values().filter_map(Value::as_f64).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{before}");
    }

    let mut live = listening(&person).await;
    let reply = ask(&person, "What should I do next?").await;
    assert_eq!(
        (
            &reply["source"],
            &reply["cached"],
            &reply["profile_version"]
        ),
        (&json!("built_in"), &json!(false), &json!(0))
    );
    let accepted = rate(&person, &reply, 5).await.expect(202);
    assert!(accepted["event_id"].is_string() && accepted["position"].is_string());
    let updated = told(&mut live, "devmentor.learning.profile.updated.v1").await;
    let profile = person.get("/api/learning/profile").await.expect(200);
    assert_eq!(updated["data"], profile, "the event tells what GET tells");
    assert_eq!(
        (
            &profile["version"],
            &profile["feedback_count"],
            &profile["average_rating"]
        ),
        (&json!(1), &json!(1), &json!(5.0))
    );
    for (dimension, choice) in reply["style"].as_object().expect("a style") {
        let choice = choice.as_str().expect("a choice");
        let [now, then] = [&profile, &before].map(|of| of["style"][dimension][choice].as_f64());
        assert!(now > then, "{dimension} {choice}: {then:?} to {now:?}");
    }

    let next = ask(&person, "And after that?").await;
    assert_eq!(next["profile_version"], 1);
    let adapted = told(&mut live, "devmentor.mentor.adapted.v1").await;
    assert_eq!(
        (
            &adapted["data"]["message_id"],
            &adapted["data"]["previous_version"]
        ),
        (&next["message_id"], &json!(0))
    );
}

#[tokio::test]
async fn a_reply_that_is_not_theirs_is_not_there() {
    let platform = Platform::start().await;
    let (person, stranger) = (platform.person().await, platform.person().await);
    let reply = ask(&person, "What should I do next?").await;
    let nowhere = json!({"message_id": uuid::Uuid::now_v7()});
    for of in [&reply, &nowhere] {
        rate(&stranger, of, 1)
            .await
            .expect_problem(404, "not_found");
        let interaction = json!({"message_id": of["message_id"], "kind": "copied"});
        stranger
            .post("/api/interactions", interaction)
            .await
            .expect_problem(404, "not_found");
    }
    let theirs = json!({"message": "Go on", "conversation_id": reply["conversation_id"]});
    stranger
        .post("/api/ai/chat", theirs.clone())
        .await
        .expect_problem(404, "not_found");
    let same = person.post("/api/ai/chat", theirs).await.expect(200);
    assert_eq!(same["conversation_id"], reply["conversation_id"]);
    for none in [json!(null), json!("")] {
        let asked = json!({"message": "Hello", "conversation_id": none, "project_id": null});
        let status = if none.is_null() { 200 } else { 404 };
        person.post("/api/ai/chat", asked).await.expect(status);
    }
    let project = stranger.create_project("FOR").await;
    let about = json!({"message": "Hello", "project_id": project["id"]});
    person
        .post("/api/ai/chat", about)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn an_idempotency_key_gets_the_first_answer_again() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let keyed = async |path: &str, key: &str, body: &Value| {
        let request = person.request(Method::POST, path);
        person
            .send(request.header("idempotency-key", key).json(body))
            .await
    };
    let question = json!({"message": "What should I do next?"});
    let first = keyed("/api/ai/chat", "chat-1", &question).await;
    assert_eq!(first.header("idempotent-replayed"), "");
    let reply = first.expect(200);
    let feedback = rating(&reply, 4);
    let interaction = json!({"message_id": reply["message_id"], "kind": "dismissed",
        "suggestion": {"kind": "close", "task_id": uuid::Uuid::now_v7()}});
    let others = [
        json!({"message": "Something else"}),
        rating(&reply, 5),
        json!({"message_id": reply["message_id"], "kind": "copied"}),
    ];
    for ((path, body), other) in [
        ("/api/ai/chat", &question),
        ("/api/feedback", &feedback),
        ("/api/interactions", &interaction),
    ]
    .into_iter()
    .zip(&others)
    {
        let first = keyed(path, path, body).await;
        let again = keyed(path, path, body).await;
        assert!(first.status < 300, "{path}: {first}");
        assert_eq!(
            (first.status, &first.body),
            (again.status, &again.body),
            "{path}"
        );
        assert_eq!(
            again.header("idempotent-replayed"),
            "true",
            "{path}: {again}"
        );
        keyed(path, path, other)
            .await
            .expect_problem(422, "idempotency_mismatch");
    }
    eventually("each counted once", PATIENCE, async || {
        let profile = person.get("/api/learning/profile").await.expect(200);
        if profile["feedback_count"] == 1 {
            Ok(())
        } else {
            Err(profile)
        }
    })
    .await;
}

#[tokio::test]
async fn while_the_streams_redis_is_away_nothing_is_accepted() {
    let platform = Platform::builder().proxy_streams().start().await;
    let person = platform.person().await;
    let reply = ask(&person, "What should I do next?").await;
    let wire = platform.streams_wire.as_ref().expect("a proxy");
    wire.cut();
    let away = async || {
        let interaction = json!({"message_id": reply["message_id"], "kind": "copied"});
        [
            rate(&person, &reply, 5).await,
            person.post("/api/interactions", interaction).await,
            person
                .post("/api/ai/chat", json!({"message": "Hello"}))
                .await,
            streamed(&person, json!({"message": "Hello"})).await,
        ]
    };
    for answer in away().await {
        answer.expect_problem(503, "unavailable");
        assert!(!answer.header("retry-after").is_empty(), "{answer}");
    }
    wire.heal();
    eventually("accepted again", PATIENCE, async || {
        match rate(&person, &reply, 5).await {
            answer if answer.status == 202 => Ok(()),
            answer => Err(answer),
        }
    })
    .await;
}

async fn streamed(person: &Person, question: Value) -> Answer {
    let request = person.request(Method::POST, "/api/ai/chat");
    let request = request.header(ACCEPT, "text/event-stream").json(&question);
    person.send(request).await
}

#[tokio::test]
async fn a_reply_is_streamed_to_who_asks_for_events() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("SSE").await;
    person
        .create_task(&project, "A task\u{2028}with \"quotes\"")
        .await;
    let question = json!({"message": "What should I do next?", "project_id": id(&project)});
    let answer = streamed(&person, question).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("cache-control"), "no-store");
    let events = sse(answer.body.as_str().expect("text"));
    let (done, deltas) = events.split_last().expect("events");
    assert_eq!(done.0, "done");
    let text: String = deltas
        .iter()
        .map(|(kind, data)| {
            assert_eq!(kind, "delta");
            data["text"].as_str().expect("text")
        })
        .collect();
    assert_eq!(done.1["reply"], text, "the pieces are the whole");
    for field in [
        "conversation_id",
        "message_id",
        "style",
        "references",
        "suggestions",
        "source",
    ] {
        assert!(!done.1[field].is_null(), "{field}: {}", done.1);
    }
    rate(&person, &done.1, 3).await.expect(202);
    for question in [
        json!({"message": ""}),
        json!({}),
        json!({"message": "x".repeat(8001)}),
    ] {
        streamed(&person, question)
            .await
            .expect_problem(422, "invalid");
    }
}
