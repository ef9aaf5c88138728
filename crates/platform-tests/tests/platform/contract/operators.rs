//! What admins see and do, and what everybody may know.

use redis_contracts::FEEDBACK;
use serde_json::json;
use test_kit::{PATIENCE, Platform, eventually};

use super::document::Contract;

pub(super) async fn tell(contract: &mut Contract, platform: &Platform) {
    let (admin, person) = (&platform.admin().await, &platform.person().await);
    for path in [
        "GET /api/health",
        "GET /.well-known/jwks.json",
        "GET /api/openapi.json",
        "GET /api/docs",
        "GET /api/docs/errors",
        "GET /api/docs/style.css",
    ] {
        contract.ask(person, path, "").expect(200).await;
    }
    contract
        .ask(admin, "GET /api/admin/users", "?limit=1")
        .expect(200)
        .await;
    let change = contract.ask(admin, "PATCH /api/admin/users/{id}", &person.id);
    change
        .json(json!({"roles": ["user", "admin"]}))
        .expect(200)
        .await;
    let change = contract.ask(admin, "PATCH /api/admin/users/{id}", &person.id);
    change.json(json!({"roles": ["user"]})).expect(200).await;
    let unlock = contract.ask(admin, "POST /api/admin/users/{id}/unlock", &person.id);
    unlock.json(json!({})).expect(204).await;
    let factor = contract.ask(admin, "DELETE /api/admin/users/{id}/totp", &person.id);
    factor.expect(204).await;
    contract
        .ask(admin, "GET /api/admin/security-events", "?limit=100")
        .expect(200)
        .await;
    contract
        .ask(admin, "GET /api/admin/streams", "")
        .expect(200)
        .await;
    for _ in 0..2 {
        bury(platform).await;
    }
    let feedback = FEEDBACK.key(()).name().to_owned();
    let letters = format!("/api/admin/dlq/{feedback}");
    eventually("dead letters", PATIENCE, async || {
        let letters = admin.get(&letters).await.expect(200);
        let count = letters["items"].as_array().map(Vec::len);
        (count == Some(2)).then_some(()).ok_or(letters)
    })
    .await;
    let page = format!("{feedback}?limit=1");
    contract
        .ask(admin, "GET /api/admin/dlq/{stream}", &page)
        .expect(200)
        .await;
    contract
        .ask(admin, "GET /api/admin/streams", "")
        .expect(200)
        .await;
    let end = contract.ask(admin, "DELETE /api/admin/users/{id}/sessions", &person.id);
    end.expect(204).await;
    let rotate = contract.ask(admin, "POST /api/admin/keys/rotate", "");
    rotate.json(json!({})).expect(200).await;
}

/// An entry that no worker can read.
async fn bury(platform: &Platform) {
    let mut command = redis::cmd("XADD");
    let command = command.arg(FEEDBACK.key(()).name()).arg("*");
    let command = command.arg("event").arg(r#"{"type":"junk"}"#);
    let mut streams = platform.streams.connect().await;
    command.exec_async(&mut streams).await.expect("XADD");
}
