//! Pages of other origins, and what a site behind TLS promises.

use actix_web::{
    http::{
        Method,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
            ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, STRICT_TRANSPORT_SECURITY, VARY,
        },
    },
    test::TestRequest,
};

use super::Gateway;

const FRIEND: &str = "https://friend.example";
const CORS: [(&str, &str); 1] = [(
    "DEVMENTOR__HTTP__CORS_ORIGINS",
    "https://other.example, https://friend.example",
)];

fn preflight(origin: &str) -> TestRequest {
    TestRequest::with_uri("/api/projects")
        .method(Method::OPTIONS)
        .insert_header((ORIGIN, origin))
        .insert_header((ACCESS_CONTROL_REQUEST_METHOD, "POST"))
}

#[actix_web::test]
async fn a_page_that_the_settings_name_may_call_the_api_without_cookies() {
    let gateway = Gateway::start(&CORS).await;
    let asked = gateway.answer(preflight(FRIEND)).await;
    assert_eq!(asked.status().as_u16(), 204);
    let headers = asked.headers();
    assert_eq!(
        headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).expect("an origin"),
        FRIEND
    );
    let methods = headers.get(ACCESS_CONTROL_ALLOW_METHODS).expect("methods");
    assert!(methods.to_str().expect("text").contains("DELETE"));
    let allowed = headers.get(ACCESS_CONTROL_ALLOW_HEADERS).expect("headers");
    assert!(allowed.to_str().expect("text").contains("authorization"));
    assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));

    let get = TestRequest::get()
        .uri("/api/projects")
        .insert_header((ORIGIN, FRIEND));
    let answered = gateway.answer(get).await;
    assert_eq!(answered.status().as_u16(), 401);
    let headers = answered.headers();
    assert_eq!(
        headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).expect("an origin"),
        FRIEND
    );
    assert_eq!(headers.get(VARY).expect("what it depends on"), "origin");
    assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
}

#[actix_web::test]
async fn any_other_page_is_not_let_in() {
    let gateway = Gateway::start(&CORS).await;
    for origin in [
        "https://evil.test",
        "http://friend.example",
        "https://friend.example:8443",
        "https://friend.example.evil.test",
        "null",
        "*",
    ] {
        let asked = gateway.answer(preflight(origin)).await;
        assert_eq!(asked.status().as_u16(), 405, "{origin}");
        assert!(!asked.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }
    let without_settings = Gateway::start(&[]).await;
    let without_settings = without_settings.answer(preflight(FRIEND)).await;
    assert_eq!(without_settings.status().as_u16(), 405);
    assert!(!without_settings.headers().contains_key(VARY));
}

#[actix_web::test]
async fn behind_tls_browsers_are_told_to_stay_there() {
    let https = [("DEVMENTOR__PUBLIC_URL", "https://app.example.com")];
    let (secure, open) = (Gateway::start(&https).await, Gateway::start(&[]).await);
    for path in ["/api/health", "/", "/nothing"] {
        let request = || TestRequest::get().uri(path);
        let answered = secure.answer(request()).await;
        let promise = answered.headers().get(STRICT_TRANSPORT_SECURITY);
        assert_eq!(promise.expect("a promise"), "max-age=31536000", "{path}");
        let plain = open.answer(request()).await;
        assert!(!plain.headers().contains_key(STRICT_TRANSPORT_SECURITY));
    }
}
