//! Signing up, in and on: what a browser gets, what another client gets, and what auth-service is told.

use actix_web::{
    cookie::Cookie,
    dev::ServiceResponse,
    http::header::{AUTHORIZATION, LOCATION, USER_AGENT},
    test::{self, TestRequest},
};
use serde_json::{Value, json};

use super::{CREDENTIAL, Gateway, fake_auth::FakeAuth};

const OWN_PAGE: (&str, &str) = ("origin", "http://127.0.0.1:8080");

/// A gateway with an auth-service behind it, and a proxy in front.
struct Site {
    auth: FakeAuth,
    gateway: Gateway,
}

impl Site {
    async fn start() -> Self {
        let (auth, address) = FakeAuth::start().await;
        let settings = [
            ("DEVMENTOR__UPSTREAM__AUTH", address.as_str()),
            ("DEVMENTOR__HTTP__TRUSTED_PROXIES", "10.0.0.0/8"),
        ];
        let gateway = Gateway::start(&settings).await;
        Self { auth, gateway }
    }

    async fn answer(&self, request: TestRequest) -> ServiceResponse {
        let proxy = "10.0.0.1:4711".parse().expect("an address");
        self.gateway.answer(request.peer_addr(proxy)).await
    }

    async fn body(&self, request: TestRequest) -> (u16, Value) {
        let answer = self.answer(request).await;
        (answer.status().as_u16(), test::read_body_json(answer).await)
    }
}

fn post(path: &str, body: Value) -> TestRequest {
    TestRequest::post().uri(path).set_json(body)
}

fn login(body: Value) -> TestRequest {
    let mut whole = json!({"email": "ada@example.com", "password": "x"});
    for (name, value) in body.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    post("/api/auth/login", whole)
}

/// The cookies that an answer sets, as browsers get them.
fn set_cookies(answer: &ServiceResponse) -> Vec<String> {
    let cookies = answer.response().cookies();
    cookies.map(|cookie| cookie.to_string()).collect()
}

#[actix_web::test]
async fn tokens_come_in_the_body_or_as_cookies_and_never_both_ways() {
    let site = Site::start().await;
    let plain = site.answer(login(json!({}))).await;
    assert!(set_cookies(&plain).is_empty());
    let body: Value = test::read_body_json(plain).await;
    assert_eq!(body["access_token"], "access");
    assert_eq!(body["refresh_token"], "dmr_refresh");
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("Bearer"), &json!(300))
    );
    assert_eq!(body["session_id"], "018f2b6e-5b1c-7a3d-9e4f-0123456789ac");
    assert_eq!(body["user"]["email"], "ada@example.com");

    let steps = json!({"challenge": "secret", "code": "123456", "cookies": true});
    for request in [
        login(json!({"cookies": true})),
        post("/api/auth/second-factor", steps),
    ] {
        let answer = site.answer(request).await;
        assert_eq!(
            set_cookies(&answer),
            [
                "dm_access=access; HttpOnly; SameSite=Lax; Path=/; Max-Age=300",
                "dm_refresh=dmr_refresh; HttpOnly; SameSite=Lax; Path=/api/auth; Max-Age=2592000",
                "dm_device=device; HttpOnly; SameSite=Lax; Path=/api/auth; Max-Age=34560000",
            ]
        );
        let body: Value = test::read_body_json(answer).await;
        let told = body.as_object().expect("an object").keys();
        assert_eq!(
            told.collect::<Vec<_>>(),
            ["expires_in", "session_id", "token_type", "user"]
        );
    }
}

#[actix_web::test]
async fn a_first_step_gives_a_challenge_and_no_cookie() {
    let site = Site::start().await;
    let first = login(json!({"password": "two steps", "cookies": true}));
    let answer = site.answer(first).await;
    assert!(set_cookies(&answer).is_empty());
    let body: Value = test::read_body_json(answer).await;
    let expected =
        json!({"second_factor_required": true, "challenge": "secret", "expires_in": 300});
    assert_eq!(body, expected);
}

#[actix_web::test]
async fn auth_service_is_told_where_a_request_comes_from() {
    let site = Site::start().await;
    let requests = [
        login(json!({})),
        post(
            "/api/auth/register",
            json!({"email": "a@b.c", "handle": "ada", "password": "x"}),
        ),
        post(
            "/api/auth/second-factor",
            json!({"challenge": "x", "code": "1"}),
        ),
        post("/api/auth/refresh", json!({"refresh_token": "x"})),
        post(
            "/api/auth/password-reset/request",
            json!({"email": "a@b.c"}),
        ),
    ];
    for request in requests {
        let request = request
            .insert_header((USER_AGENT, "browser".repeat(100)))
            .insert_header(("x-forwarded-for", "203.0.113.9, 198.51.100.7:4711"))
            .cookie(Cookie::new("dm_device", "known"));
        let answer = site.answer(request).await;
        assert!(answer.status().is_success(), "{:?}", answer.status());
        let asked = site.auth.asked();
        assert_eq!(asked.client.address, "198.51.100.7");
        assert_eq!(asked.client.device, "known");
        assert_eq!(asked.client.agent.len(), 256);
        assert_eq!(asked.credential, CREDENTIAL);
    }
    site.answer(login(json!({}))).await;
    let asked = site.auth.asked();
    assert_eq!(
        (asked.client.device.as_str(), asked.client.address.as_str()),
        ("", "10.0.0.1")
    );
}

#[actix_web::test]
async fn a_refresh_takes_a_token_or_the_cookie() {
    let site = Site::start().await;
    let path = "/api/auth/refresh";
    let (status, body) = site.body(post(path, json!({"refresh_token": "x"}))).await;
    assert_eq!(
        (status, &body["refresh_token"]),
        (200, &json!("dmr_refresh"))
    );

    let by_cookie = post(path, json!({}))
        .insert_header(OWN_PAGE)
        .cookie(Cookie::new("dm_refresh", "x"));
    let answer = site.answer(by_cookie).await;
    let set = set_cookies(&answer);
    assert_eq!(set.len(), 2, "the device is as it was: {set:?}");
    let body: Value = test::read_body_json(answer).await;
    assert!(
        body.get("refresh_token").is_none(),
        "what scripts never had they do not get"
    );

    let (status, body) = site.body(post(path, json!({}))).await;
    assert_eq!(
        (status, &body["errors"][0]["field"]),
        (422, &json!("refresh_token"))
    );
    let (status, body) = site.body(post(path, json!({"cookies": true}))).await;
    assert_eq!((status, &body["code"]), (401, &json!("unauthenticated")));
}

#[actix_web::test]
async fn cookies_that_are_worth_nothing_any_more_are_removed() {
    let site = Site::start().await;
    for (refusal, status, removed) in [
        ("token_reused", 401, 2),
        ("session_ended", 401, 2),
        ("unauthenticated", 401, 2),
        ("unavailable", 503, 0),
        ("rate_limited", 429, 0),
    ] {
        let request = post("/api/auth/refresh", json!({"cookies": true}))
            .insert_header(OWN_PAGE)
            .cookie(Cookie::new("dm_refresh", refusal));
        let answer = site.answer(request).await;
        assert_eq!(answer.status().as_u16(), status);
        let set = set_cookies(&answer);
        assert_eq!(set.len(), removed, "{refusal}: {set:?}");
        assert!(
            set.iter().all(|cookie| cookie.contains("Max-Age=0")),
            "{set:?}"
        );
        let body: Value = test::read_body_json(answer).await;
        assert_eq!(body["code"], refusal);
    }
    let by_body = post(
        "/api/auth/refresh",
        json!({"refresh_token": "token_reused"}),
    );
    assert!(set_cookies(&site.answer(by_body).await).is_empty());
}

#[actix_web::test]
async fn an_account_is_created_or_a_mail_says_how_it_goes_on() {
    let site = Site::start().await;
    let register = |handle: &str| {
        let body = json!({"email": "ada@example.com", "handle": handle, "password": "x"});
        post("/api/auth/register", body)
            .insert_header(("idempotency-key", "key-1"))
            .insert_header((AUTHORIZATION, "Bearer of-an-admin"))
    };
    let answer = site.answer(register("ada")).await;
    assert_eq!(answer.status().as_u16(), 201);
    assert_eq!(answer.headers().get(LOCATION).expect("a place"), "/api/me");
    let body: Value = test::read_body_json(answer).await;
    assert_eq!(body["user"]["handle"], "ada");
    let asked = site.auth.asked();
    assert_eq!(
        asked.idempotency_key, "",
        "a secret is never answered twice"
    );
    assert_eq!(asked.authorization, "Bearer of-an-admin");
    assert_eq!(site.body(register("by-mail")).await, (202, json!({})));
}

#[actix_web::test]
async fn asking_for_a_reset_tells_nothing() {
    let site = Site::start().await;
    let asked = post(
        "/api/auth/password-reset/request",
        json!({"email": "a@b.c"}),
    );
    assert_eq!(site.body(asked).await, (202, json!({})));
}
