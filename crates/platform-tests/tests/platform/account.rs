//! A person's own account: sessions, machine tokens, history, export, its end.

use serde_json::{Value, json};
use test_kit::{Answer, Person, Platform};

use crate::log::id;

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().expect("items")
}

async fn session_id(person: &Person) -> String {
    let me = person.get("/api/me").await.expect(200);
    id(&me["session"]).to_owned()
}

#[tokio::test]
async fn people_see_where_they_are_signed_in_and_end_it_there() {
    let platform = Platform::start().await;
    let here = platform.person().await;
    let (there, elsewhere) = (here.sign_in_again().await, here.sign_in_again().await);
    let mut socket = there.live().await;
    let page = here.get("/api/auth/sessions").await.expect(200);
    assert_eq!(page["next_cursor"], Value::Null);
    assert_eq!(items(&page).len(), 3);
    let own = session_id(&here).await;
    for session in items(&page) {
        assert_eq!(session["current"], id(session) == own);
        assert_eq!(session["address"], "127.0.0.1");
        for field in ["created_at", "last_seen_at", "expires_at"] {
            assert!(session[field].is_string(), "{session}");
        }
    }

    let path = format!("/api/auth/sessions/{}", session_id(&there).await);
    here.delete(&path).await.expect(204);
    there
        .get("/api/me")
        .await
        .expect_problem(401, "session_ended");
    assert_eq!(socket.close_code().await, 4401);

    let mut socket = elsewhere.live().await;
    here.delete("/api/auth/sessions").await.expect(204);
    let ended = elsewhere.get("/api/me").await;
    ended.expect_problem(401, "session_ended");
    assert_eq!(socket.close_code().await, 4401);
    here.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn a_machine_token_is_told_once_works_anywhere_and_is_revoked_at_once() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let wanted = json!({"name": "CI", "scopes": ["read", "write"], "expires_on": null});
    let made = person.post("/api/me/tokens", wanted).await;
    let location = made.header("location").to_owned();
    let made = made.expect(201);
    assert_eq!(location, format!("/api/me/tokens/{}", id(&made)));
    let mut machine = person.clone();
    machine.token = made["token"].as_str().expect("a token").to_owned();
    assert!(machine.token.starts_with("dmp_"));
    let listed = person.get("/api/me/tokens").await.expect(200);
    assert_eq!(items(&listed).len(), 1);
    assert!(!listed.to_string().contains(&machine.token));

    machine.create_project("CI").await;
    let mut socket = machine.live().await;
    person.delete(&location).await.expect(204);
    assert_eq!(machine.get("/api/projects").await.status, 401);
    assert_eq!(socket.close_code().await, 4401);
    person.get("/api/projects").await.expect(200);
}

#[tokio::test]
async fn an_export_is_whole_or_it_is_not_answered() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("MINE").await;
    platform.person().await.create_project("OTHERS").await;
    let answer = person.get("/api/me/export").await;
    let attachment = "attachment; filename=\"devmentor-export.json\"";
    assert_eq!(answer.header("content-disposition"), attachment);
    let export = answer.expect(200);
    assert_eq!(export["user"]["email"], person.email.as_str());
    let length = |part: &str| export[part].as_array().expect("a list").len();
    assert_eq!((length("sessions"), length("projects")), (1, 1));
    assert_eq!(export["projects"][0]["id"], project["id"]);
    assert_eq!((length("machine_tokens"), length("cut")), (0, 0));
    assert!(length("security_events") > 0);
    assert_eq!(export["learning_profile"]["user_id"], person.id.as_str());

    platform.kill("learning-consumer");
    let half = person.get("/api/me/export").await;
    // Asked just when it dies, it may never answer.
    let code = half.body["code"].as_str().unwrap_or_default();
    let refusals = [(503, "unavailable"), (504, "deadline_exceeded")];
    assert!(refusals.contains(&(half.status, code)), "{half}");
}

#[tokio::test]
async fn what_happened_to_an_account_is_told_newest_first_and_by_type() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let other = person.sign_in_again().await;
    other.post("/api/auth/logout", json!({})).await.expect(204);
    let path = "/api/me/security-events";
    let all = person.get(path).await.expect(200);
    let times: Vec<_> = items(&all)
        .iter()
        .map(|event| event["time"].to_string())
        .collect();
    assert!(
        times.is_sorted_by(|newer, older| newer >= older),
        "{times:?}"
    );
    assert!(
        items(&all)
            .iter()
            .all(|event| event["user_id"] == person.id.as_str())
    );
    let signed_in = person
        .get(&format!("{path}?type=signed_in&limit=1"))
        .await
        .expect(200);
    assert_eq!(items(&signed_in).len(), 1);
    assert_eq!(
        items(&signed_in)[0]["type"],
        "devmentor.security.signed_in.v1"
    );
    let cursor = signed_in["next_cursor"].as_str().expect("there is another");
    let second = format!("{path}?type=signed_in&limit=1&cursor={cursor}");
    let second = person.get(&second).await.expect(200);
    assert_ne!(items(&second)[0]["id"], items(&signed_in)[0]["id"]);
    let none = person
        .get(&format!("{path}?to=2020-01-01T00:00:00Z"))
        .await
        .expect(200);
    assert!(items(&none).is_empty());
    for wrong in ["from=yesterday", "limit=0", "cursor=nonsense"] {
        let answer = person.get(&format!("{path}?{wrong}")).await;
        answer.expect_problem(422, "invalid");
    }
}

#[tokio::test]
async fn an_account_is_changed_and_deleted() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let handle = format!("n{}", &person.handle[1..]);
    let changed = person.patch("/api/me", json!({"handle": handle})).await;
    assert_eq!(changed.expect(200)["handle"], handle.as_str());
    let me = person.get("/api/me").await.expect(200);
    assert_eq!(me["user"]["handle"], handle.as_str());
    let other = platform.person().await;
    let taken = other.patch("/api/me", json!({"handle": handle})).await;
    taken.expect_problem(409, "handle_taken");

    let answer = person.delete("/api/me").await;
    assert_eq!(removed(&answer), ["dm_access", "dm_refresh"]);
    answer.expect(204);
    assert_eq!(person.get("/api/me").await.status, 401);
}

/// The cookies that an answer removes.
fn removed(answer: &Answer) -> Vec<String> {
    let set = answer.headers.get_all("set-cookie").iter();
    let set = set.filter_map(|cookie| cookie.to_str().ok());
    let gone = set.filter(|cookie| cookie.contains("Max-Age=0"));
    let names = gone.filter_map(|cookie| cookie.split('=').next());
    names.map(str::to_owned).collect()
}
