//! How limits are told, and those of people who are signed in.

use rpc::{
    auth::{ConfirmPasswordResetRequest, RegisterRequest},
    tonic::metadata::MetadataMap,
};

use super::{
    ADMIN_EMAIL, Auth, PASSWORD, by_gateway, calls::registration, client, email_of, limits::FIVE,
    refused,
};

#[tokio::test]
async fn how_limits_stand_is_told_with_every_answer() {
    let auth = Auth::with(&[FIVE]).await;
    let told = |metadata: &MetadataMap| {
        let text = |name| metadata.get(name).and_then(|value| value.to_str().ok());
        (
            text("ratelimit-policy").unwrap_or_default().to_owned(),
            text("ratelimit").unwrap_or_default().to_owned(),
        )
    };
    let good = auth.raw_login(ADMIN_EMAIL, PASSWORD, client()).await;
    let (policy, limit) = told(good.expect("signed in").metadata());
    assert_eq!(
        policy,
        "\"auth_address\";q=5;w=60, \"auth_network\";q=50;w=60, \"auth_account\";q=5;w=60, \"auth_unknown\";q=60;w=3600"
    );
    assert!(limit.starts_with("\"auth_address\";r=4;t="), "{limit}");
    let wrong = auth
        .raw_login(ADMIN_EMAIL, "not the password", client())
        .await;
    let (_, limit) = told(wrong.expect_err("wrong").metadata());
    assert!(limit.starts_with("\"auth_address\";r=3;t="), "{limit}");
    let asked = RegisterRequest {
        client: Some(client()),
        ..registration(ADMIN_EMAIL, "other")
    };
    let taken = auth.client().register(by_gateway(asked)).await;
    let (policy, limit) = told(taken.expect_err("taken").metadata());
    assert_eq!(
        policy,
        "\"auth_address\";q=5;w=60, \"auth_network\";q=50;w=60, \"register_day\";q=100;w=86400"
    );
    assert!(limit.starts_with("\"auth_address\";r=2;t="), "{limit}");
    let junk = ConfirmPasswordResetRequest {
        token: "junk".to_owned(),
        new_password: PASSWORD.to_owned(),
        client: Some(client()),
    };
    let junk = auth.client().confirm_password_reset(by_gateway(junk)).await;
    let (_, limit) = told(junk.expect_err("junk").metadata());
    assert!(limit.starts_with("\"auth_address\";r=1;t="), "{limit}");
}

#[tokio::test]
async fn a_new_name_is_asked_for_as_seldom_as_a_registration() {
    let auth = Auth::with(&[FIVE]).await;
    let reader = auth.person("reader").await;
    auth.register("other").await.expect("an account");
    for _ in 0..5 {
        let taken = auth.update(&reader, None, Some("other")).await;
        assert_eq!(refused(taken), "handle_taken");
    }
    let sixth = auth.update(&reader, None, Some("free")).await;
    assert_eq!(refused(sixth), "rate_limited");
    let sixth = auth.move_to(&reader, "free@example.com").await;
    assert_eq!(refused(sixth), "rate_limited");
    assert_eq!(
        auth.me(&reader.token).await.expect("me").email,
        email_of("reader")
    );
}
