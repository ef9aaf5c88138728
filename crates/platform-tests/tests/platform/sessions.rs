//! Sessions: dead everywhere at once after logout, alive whatever happens to the cache Redis.

use redis_contracts::keys::SESSION;
use serde_json::json;
use test_kit::{ADMIN_EMAIL, Live, PATIENCE, Person, Platform, eventually};
use tokio_tungstenite::tungstenite;

use crate::{
    grpc::{self, UNAUTHENTICATED},
    log::{heard, topic},
};

#[tokio::test]
async fn logout_ends_the_session_everywhere_and_its_sockets() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let other = person.sign_in_again().await;
    let mut sockets = [person.live().await, person.live().await];
    let mut others = other.live().await;
    let gateway = platform.another_gateway().await;
    let elsewhere = person.at(gateway.base_url());
    let mut far = elsewhere.live().await;
    elsewhere.get("/api/me").await.expect(200);
    // Both gRPC services know the session now.
    assert_eq!(grpc::get_me(&platform, &person.token).await, Ok(()));
    assert_eq!(grpc::list_projects(&platform, &person.token).await, Ok(()));

    person.post("/api/auth/logout", json!({})).await.expect(204);
    person
        .get("/api/me")
        .await
        .expect_problem(401, "session_ended");
    person
        .get("/api/projects")
        .await
        .expect_problem(401, "session_ended");
    assert_eq!(
        grpc::get_me(&platform, &person.token).await,
        Err(UNAUTHENTICATED)
    );
    // Each process holds the session until Redis has told it, which is a matter of a millisecond.
    eventually(
        "project-service has heard",
        PATIENCE,
        async || match grpc::list_projects(&platform, &person.token).await {
            Err(UNAUTHENTICATED) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await;
    eventually(
        "the other gateway has heard",
        PATIENCE,
        async || match elsewhere.get("/api/me").await.status {
            401 => Ok(()),
            status => Err(status),
        },
    )
    .await;
    assert_eq!(upgrade_status(&platform, &person).await, 401);
    assert_eq!(far.close_code().await, 4401);
    for socket in &mut sockets {
        assert_eq!(socket.close_code().await, 4401);
    }
    other.get("/api/me").await.expect(200);
    others.send(r#"{"type":"ping"}"#).await;
    others.expect("pong").await;
}

async fn upgrade_status(platform: &Platform, person: &Person) -> u16 {
    match Live::connect(platform.base_url(), &person.token).await {
        Err(tungstenite::Error::Http(answer)) => answer.status().as_u16(),
        other => panic!("expected a refusal: {:?}", other.map(|_| "a socket")),
    }
}

#[tokio::test]
async fn an_emptied_cache_signs_nobody_out_and_revives_nobody() {
    let platform = Platform::start().await;
    let (stays, leaves) = (platform.person().await, platform.person().await);
    let mut live = stays.live().await;
    leaves.post("/api/auth/logout", json!({})).await.expect(204);
    let mut cache = platform.cache.connect().await;
    redis::cmd("FLUSHALL")
        .exec_async(&mut cache)
        .await
        .expect("FLUSHALL");
    stays.get("/api/me").await.expect(200);
    leaves
        .get("/api/me")
        .await
        .expect_problem(401, "session_ended");
    live.send(r#"{"type":"ping"}"#).await;
    live.expect("pong").await;
    let me = stays.get("/api/me").await.expect(200);
    let id = me["session"]["id"].as_str().expect("an id");
    let own = SESSION.key(id.parse().expect("a UUID"));
    // Until it has heard that Redis was emptied, the gateway answers from what it holds.
    eventually("the hot copy is restored", PATIENCE, async || {
        stays.get("/api/me").await.expect(200);
        let mut exists = redis::cmd("EXISTS");
        let exists = exists.arg(own.name()).query_async(&mut cache).await;
        match exists.expect("EXISTS") {
            true => Ok(()),
            false => Err("not yet"),
        }
    })
    .await;
}

#[tokio::test]
async fn without_the_cache_redis_people_stay_signed_in_and_logout_counts() {
    let mut platform = Platform::start().await;
    let (stays, leaves) = (platform.person().await, platform.person().await);
    let project = stays.create_project("STAY").await;
    let mut live = stays.live().await;
    live.subscribe(&topic(&project), None).await;
    live.expect("subscribed").await;
    platform.cache.kill();

    stays.get("/api/me").await.expect(200);
    stays.create_task(&project, "Without the cache").await;
    assert_eq!(heard(&mut live, 1).await.len(), 1);
    let again = stays.sign_in_again().await;
    again.get("/api/me").await.expect(200);
    let mut leaving = leaves.live().await;
    leaves.post("/api/auth/logout", json!({})).await.expect(204);
    eventually("the session is dead", PATIENCE, async || {
        match leaves.get("/api/me").await.status {
            401 => Ok(()),
            status => Err(status),
        }
    })
    .await;
    assert_eq!(leaving.close_code().await, 4401);

    platform.cache.restart().await;
    for person in [&stays, &again] {
        person.get("/api/me").await.expect(200);
    }
    leaves
        .get("/api/me")
        .await
        .expect_problem(401, "session_ended");
}

#[tokio::test]
async fn sessions_survive_a_restart_of_every_service() {
    let mut platform = Platform::start().await;
    let (stays, leaves) = (platform.person().await, platform.person().await);
    leaves.post("/api/auth/logout", json!({})).await.expect(204);
    for service in ["auth-service", "project-service", "ui-gateway"] {
        platform.restart(service).await;
    }
    stays.get("/api/me").await.expect(200);
    leaves
        .get("/api/me")
        .await
        .expect_problem(401, "session_ended");
    stays.sign_in_again().await;
}

#[tokio::test]
async fn me_is_answered_without_auth_service() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    person.get("/api/me").await.expect(200);
    platform.kill("auth-service");
    let me = person.get("/api/me").await.expect(200);
    assert_eq!(me["user"]["email"], person.email.as_str());
    assert_eq!(me["user"]["roles"], json!(["user"]));
}

#[tokio::test]
async fn roles_stand_in_the_session_and_wrong_passwords_all_look_alike() {
    let platform = Platform::start().await;
    let (admin, person) = (platform.admin().await, platform.person().await);
    let me = admin.get("/api/me").await.expect(200);
    let roles = me["user"]["roles"].as_array().expect("roles").clone();
    assert!(roles.contains(&json!("admin")), "{roles:?}");
    admin.get("/api/admin/users").await.expect(200);
    person
        .get("/api/admin/users")
        .await
        .expect_problem(403, "forbidden");
    for email in [ADMIN_EMAIL, "nobody@example.com"] {
        let answer = person
            .post(
                "/api/auth/login",
                json!({"email": email, "password": "not this one"}),
            )
            .await;
        answer.expect_problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn everything_of_a_session_in_the_cache_ends_by_itself() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    person.get("/api/me").await.expect(200);
    let mut cache = platform.cache.connect().await;
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut cache)
        .await
        .expect("KEYS");
    assert!(keys.iter().any(|key| key.starts_with("session:")));
    for key in keys {
        let ttl_ms: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut cache)
            .await
            .expect("PTTL");
        assert!(ttl_ms > 0, "{key}: {ttl_ms}");
        assert!(!key.contains(&person.token), "no secret stands in a key");
    }
}

/// What stands in the cache under the key of somebody's session, read or written.
async fn session_copy(platform: &Platform, person: &Person, planted: Option<&str>) -> String {
    let me = person.get("/api/me").await.expect(200);
    let id = me["session"]["id"].as_str().expect("an id");
    let key = SESSION.key(id.parse().expect("a UUID"));
    let mut cache = platform.cache.connect().await;
    if let Some(planted) = planted {
        let mut set = redis::cmd("SET");
        set.arg(key.name()).arg(planted);
        set.exec_async(&mut cache).await.expect("SET");
    }
    let get = redis::cmd("GET").arg(key.name()).to_owned();
    get.query_async(&mut cache).await.expect("a copy")
}

#[tokio::test]
async fn who_can_write_to_the_cache_becomes_nobody_else_and_stops_nobody() {
    let platform = Platform::start().await;
    let (thief, victim) = (platform.person().await, platform.person().await);
    let project = victim.create_project("THEIRS").await;
    let project = format!("/api/projects/{}", project["id"].as_str().expect("an id"));
    let own = session_copy(&platform, &thief, None).await;
    let theirs = session_copy(&platform, &victim, None).await;
    let (_, unsigned) = own.split_once('.').expect("a signature");
    let as_admin = own.replace(r#"["user"]"#, r#"["user","admin"]"#);
    let as_victim = unsigned.replace(&thief.id, &victim.id);
    assert!(as_admin != own && as_victim != unsigned);
    for planted in [&as_admin, &as_victim, &theirs] {
        session_copy(&platform, &thief, Some(planted)).await;
        eventually("it is replaced", PATIENCE, async || {
            let me = thief.get("/api/me").await.expect(200);
            assert_eq!(me["user"]["id"], *thief.id);
            let admins = thief.get("/api/admin/streams").await;
            admins.expect_problem(403, "forbidden");
            thief.get(&project).await.expect_problem(404, "not_found");
            victim.get(&project).await.expect(200);
            let held = session_copy(&platform, &thief, None).await;
            (held != **planted).then_some(()).ok_or(held)
        })
        .await;
    }
    session_copy(&platform, &victim, Some("junk")).await;
    victim.get(&project).await.expect(200);
}
