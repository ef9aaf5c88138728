//! What admins can do to accounts and keys.

use serde_json::json;
use test_kit::{PATIENCE, Person, Platform, eventually};

#[tokio::test]
async fn an_admin_ends_all_that_a_person_is_signed_in_with() {
    let platform = Platform::start().await;
    let (admin, person) = (platform.admin().await, platform.person().await);
    let wanted = json!({"name": "CI", "scopes": ["read"]});
    let made = person.post("/api/me/tokens", wanted).await.expect(201);
    let mut machine = person.clone();
    machine.token = made["token"].as_str().expect("a token").to_owned();
    machine.get("/api/projects").await.expect(200);
    let mut socket = person.live().await;
    let sessions = format!("/api/admin/users/{}/sessions", person.id);
    admin.delete(&sessions).await.expect(204);
    person
        .get("/api/me")
        .await
        .expect_problem(401, "session_ended");
    assert_eq!(machine.get("/api/projects").await.status, 401);
    assert_eq!(socket.close_code().await, 4401);
    let unlock = format!("/api/admin/users/{}/unlock", person.id);
    admin.post(&unlock, json!({})).await.expect(204);
    let nobody = "/api/admin/users/018f2b6e-5b1c-7a3d-9e4f-0123456789ab/unlock";
    let unlocked = admin.post(nobody, json!({})).await;
    unlocked.expect_problem(404, "not_found");
}

#[tokio::test]
async fn an_admin_sees_what_happened_to_everyone_or_to_one() {
    let platform = Platform::start().await;
    let (admin, person) = (platform.admin().await, platform.person().await);
    let people = async |query: &str| {
        let path = format!("/api/admin/security-events?limit=200{query}");
        let page = admin.get(&path).await.expect(200);
        let items = page["items"].as_array().expect("items").clone();
        let ids = items.iter().map(|event| event["user_id"].clone());
        ids.collect::<Vec<_>>()
    };
    let all = people("").await;
    assert!(all.contains(&json!(person.id)) && all.contains(&json!(admin.id)));
    let one = people(&format!("&user_id={}", person.id)).await;
    assert!(!one.is_empty() && one.iter().all(|id| *id == person.id.as_str()));
}

#[tokio::test]
async fn keys_are_rotated_and_no_token_fails() {
    let platform = Platform::start().await;
    let (admin, person) = (platform.admin().await, platform.person().await);
    let rotated = admin.post("/api/admin/keys/rotate", json!({})).await;
    let rotated = rotated.expect(200);
    assert!(rotated["signs_from"].is_string(), "{rotated}");
    let kid = rotated["kid"].as_str().expect("a key");
    eventually("the gateway knows the new key", PATIENCE, async || {
        let known = published(&admin).await;
        let knows = known.iter().any(|known| known == kid);
        knows.then_some(()).ok_or(known.join(" "))
    })
    .await;
    for somebody in [&admin, &person, &person.sign_in_again().await] {
        somebody.get("/api/me").await.expect(200);
        somebody.get("/api/projects").await.expect(200);
    }
}

/// The keys that auth-service has published.
async fn published(somebody: &Person) -> Vec<String> {
    let keys = somebody.get("/.well-known/jwks.json").await.expect(200);
    let keys = keys["keys"].as_array().expect("keys").iter();
    let kids = keys.filter_map(|key| key["kid"].as_str());
    kids.map(str::to_owned).collect::<Vec<_>>()
}
