//! Accounts that cannot be made.

use serde_json::json;
use test_kit::Platform;

use super::{Owner, refused, sent};

#[tokio::test]
async fn accounts_need_an_address_and_a_password_worth_the_name() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let register = &owner.bodies()[0];
    let addresses = [
        "",
        "x",
        "@",
        "a@",
        "@b",
        "a b@example.com",
        "a@b@c",
        "nul\u{0}@example.com",
        // Others in disguise.
        "admin\u{200b}@example.com",
        "admin\u{202e}@example.com",
        "\u{430}dmin@example.com",
        "\u{ff41}dmin@example.com",
        "admin@ex\u{430}mple.com",
        "=?utf-8?q?x?=@example.com",
        "a%0d%0a@example.com",
        &format!("{}@example.com", "a".repeat(400)),
    ];
    for email in addresses {
        let mut body = register.body.clone();
        body["email"] = json!(email);
        refused(&sent(&owner.person, register, &body).await, "email");
    }
    for password in ["", "short", &"x".repeat(10_000)] {
        let mut body = register.body.clone();
        body["password"] = json!(password);
        refused(&sent(&owner.person, register, &body).await, "password");
    }
    for handle in [
        "root",
        "admin",
        "support",
        "system",
        "ghost",
        "null",
        "devmentor",
    ] {
        let reserved =
            json!({"email": "x@example.com", "handle": handle, "password": "long enough for all"});
        let registered = sent(&owner.person, register, &reserved).await;
        registered.expect_problem(409, "handle_taken");
        let renamed = owner.person.patch("/api/me", json!({"handle": handle}));
        renamed.await.expect_problem(409, "handle_taken");
    }
    let first = platform.admin().await;
    let kept = first.patch("/api/me", json!({"handle": "admin"})).await;
    kept.expect(200);
    let taken = json!({"email": owner.person.email, "handle": "another-one", "password": "long enough for all"});
    sent(&owner.person, register, &taken)
        .await
        .expect_problem(409, "email_taken");
    let taken = json!({"email": owner.person.email.to_uppercase(), "handle": "another-one", "password": "long enough for all"});
    sent(&owner.person, register, &taken)
        .await
        .expect_problem(409, "email_taken");
    let taken = json!({"email": "x@example.com", "handle": owner.person.handle, "password": "long enough for all"});
    sent(&owner.person, register, &taken)
        .await
        .expect_problem(409, "handle_taken");
}
