//! The routes as a caller sees them while nothing behind the gateway is there, or only what a test puts
//! there.

mod access;
mod fake_auth;
mod other_origins;
mod signing_in;

use std::rc::Rc;

use actix_web::{
    App,
    dev::ServiceResponse,
    http::{
        Method,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::from_fn,
    test::{self, TestRequest},
    web::Data,
};
use futures_util::future::{FutureExt, LocalBoxFuture};
use serde_json::{Value, json};
use service_kit::{Context, config};

use super::{envelope::envelope, routes};
use crate::{SERVICE, State};

/// Nothing listens there.
const NOWHERE: [(&str, &str); 8] = [
    ("DEVMENTOR__REDIS__CACHE__URL", "redis://127.0.0.1:1"),
    ("DEVMENTOR__REDIS__STREAMS__URL", "redis://127.0.0.1:1"),
    ("DEVMENTOR__UPSTREAM__AUTH", "http://127.0.0.1:1"),
    ("DEVMENTOR__UPSTREAM__PROJECT", "http://127.0.0.1:1"),
    ("DEVMENTOR__UPSTREAM__LEARNING", "http://127.0.0.1:1"),
    ("DEVMENTOR__UPSTREAM__AI", "http://127.0.0.1:1"),
    ("DEVMENTOR__JWT__JWKS_URL", "http://127.0.0.1:1/"),
    // Else a file would be made.
    ("DEVMENTOR__AUTH__GATEWAY_CREDENTIAL", CREDENTIAL),
];

const CREDENTIAL: &str = "a credential for tests only";

/// A gateway, and what keeps it alive.
struct Gateway {
    ask: Box<dyn Fn(TestRequest) -> LocalBoxFuture<'static, ServiceResponse>>,
    _context: Context,
}

impl Gateway {
    /// One with these settings; else nothing is behind it.
    async fn start(settings: &[(&str, &str)]) -> Self {
        let environment = NOWHERE.iter().chain(settings);
        let environment =
            environment.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment = environment.collect();
        let settings = config::load(&SERVICE, "", &environment).expect("good settings");
        let mut context = Context::new(SERVICE, settings);
        let state = Data::new(State::assemble(&mut context).expect("a state"));
        let app = App::new()
            .app_data(state)
            .wrap(from_fn(envelope))
            .configure(routes);
        let app = Rc::new(test::init_service(app).await);
        let ask = move |request: TestRequest| {
            let app = Rc::clone(&app);
            async move { test::call_service(&*app, request.to_request()).await }.boxed_local()
        };
        Self {
            ask: Box::new(ask),
            _context: context,
        }
    }

    async fn answer(&self, request: TestRequest) -> ServiceResponse {
        (self.ask)(request).await
    }

    async fn problem(&self, request: TestRequest) -> (u16, String, Vec<String>) {
        let request = request.insert_header(("x-request-id", "request-1"));
        read_problem(self.answer(request).await).await
    }
}

async fn answer(request: TestRequest) -> ServiceResponse {
    Gateway::start(&[]).await.answer(request).await
}

async fn problem(request: TestRequest) -> (u16, String, Vec<String>) {
    Gateway::start(&[]).await.problem(request).await
}

/// Status, code and wrong fields of a problem, after what every problem has was checked.
async fn read_problem(response: ServiceResponse) -> (u16, String, Vec<String>) {
    let status = response.status().as_u16();
    let header = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    assert_eq!(header("x-request-id"), Some("request-1"));
    assert_eq!(
        header(CONTENT_TYPE.as_str()),
        Some("application/problem+json")
    );
    assert_eq!(header(WWW_AUTHENTICATE.as_str()).is_some(), status == 401);
    assert_eq!(header(RETRY_AFTER.as_str()).is_some(), status == 503);
    let document: Value = test::read_body_json(response).await;
    let code = document["code"].as_str().expect("a code").to_owned();
    assert_eq!(document["type"], format!("/api/docs/errors#{code}"));
    assert_eq!(document["status"], status);
    assert_eq!(document["request_id"], "request-1");
    assert!(document["title"].is_string() && document["detail"].is_string());
    let errors = document["errors"].as_array().cloned().unwrap_or_default();
    let fields = errors.iter().filter_map(|error| error["field"].as_str());
    (status, code, fields.map(str::to_owned).collect())
}

fn post(path: &str) -> TestRequest {
    TestRequest::post().uri(path)
}

fn refusal(status: u16, code: &str, fields: &[&str]) -> (u16, String, Vec<String>) {
    (
        status,
        code.to_owned(),
        fields.iter().map(|field| (*field).to_owned()).collect(),
    )
}

#[actix_web::test]
async fn an_unknown_path_is_not_found_and_an_unknown_method_not_allowed() {
    for path in [
        "/api",
        "/api/nothing",
        "/api/me/nothing",
        "/nothing",
        "/index.html",
        "/projects/1/2",
    ] {
        assert_eq!(
            problem(TestRequest::get().uri(path)).await,
            refusal(404, "not_found", &[]),
            "{path}"
        );
    }
    let put = || TestRequest::with_uri("/api/projects").method(Method::PUT);
    assert_eq!(
        problem(put()).await,
        refusal(405, "method_not_allowed", &[])
    );
    let allowed = answer(put()).await;
    assert_eq!(
        allowed.headers().get(ALLOW).expect("methods"),
        "GET, HEAD, POST"
    );
}

#[actix_web::test]
async fn who_is_not_signed_in_learns_nothing_else() {
    for path in [
        "/api/projects",
        "/api/projects/x/tasks",
        "/api/tasks/x/comments",
        "/api/projects/x/import",
        "/api/ai/chat",
        "/api/feedback",
        "/api/interactions",
    ] {
        let request = post(path).set_payload("no JSON");
        assert_eq!(
            problem(request).await,
            refusal(401, "unauthenticated", &[]),
            "{path}"
        );
    }
    let by_cookie = post("/api/auth/logout").insert_header(("cookie", "dm_access=abc"));
    assert_eq!(problem(by_cookie).await, refusal(403, "csrf", &[]));
}

#[actix_web::test]
async fn bodies_are_refused_with_the_reason() {
    const LOGIN: &str = "/api/auth/login";
    let json = |body: &str| {
        post(LOGIN)
            .insert_header((CONTENT_TYPE, "application/json"))
            .set_payload(body.to_owned())
    };
    assert_eq!(
        problem(post(LOGIN).set_payload("{}")).await,
        refusal(415, "unsupported_media_type", &[])
    );
    assert_eq!(problem(json("{")).await, refusal(400, "malformed", &[]));
    assert_eq!(problem(json("[]")).await, refusal(422, "invalid", &[]));
    assert_eq!(
        problem(json(r#"{"email":1,"x":2}"#)).await,
        refusal(422, "invalid", &["email", "password", "x"])
    );
    assert_eq!(
        problem(json(&"a".repeat(1024 * 1024 + 1))).await,
        refusal(413, "too_large", &[])
    );
    let login = json!({"email": "a@example.com", "password": "b", "cookies": true}).to_string();
    let other_site = json(&login).insert_header(("origin", "https://evil.test"));
    assert_eq!(problem(other_site).await, refusal(403, "csrf", &[]));
    assert_eq!(
        problem(json(&login)).await,
        refusal(503, "unavailable", &[])
    );
}

#[actix_web::test]
async fn health_answers_when_nothing_is_there() {
    let response = answer(TestRequest::get().uri("/api/health")).await;
    assert_eq!(response.status().as_u16(), 503);
    let health: Value = test::read_body_json(response).await;
    assert_eq!(health["status"], "down");
    assert_eq!(health["services"]["ui-gateway"]["status"], "ok");
    for away in [
        "auth-service",
        "project-service",
        "learning-consumer",
        "ai-gateway",
    ] {
        assert_eq!(health["services"][away]["status"], "down", "{away}");
    }
    assert_eq!(
        health["redis"]["streams"],
        json!({"status": "down", "backlog": null})
    );
}

#[actix_web::test]
async fn the_web_app_has_its_own_routes_and_no_page_runs_what_is_not_ours() {
    for path in [
        "/",
        "/api/docs",
        "/api/docs/errors",
        "/sign-in",
        "/sign-up",
        "/projects/1",
        "/projects/1/tasks/2",
    ] {
        let response = answer(TestRequest::get().uri(path)).await;
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let policy = response.headers().get("content-security-policy");
        let policy = policy.and_then(|policy| policy.to_str().ok());
        assert!(
            policy.is_some_and(|policy| !policy.contains("unsafe")),
            "{path}"
        );
    }
}

#[actix_web::test]
async fn what_is_no_page_runs_nothing_and_is_framed_by_nobody() {
    for path in ["/api/health", "/api/openapi.json", "/api/me", "/nothing"] {
        let response = answer(TestRequest::get().uri(path)).await;
        let header = |name: &str| response.headers().get(name).expect("a header");
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; frame-ancestors 'none'",
            "{path}"
        );
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
    }
}
