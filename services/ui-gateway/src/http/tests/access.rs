//! Who may call what, over the whole table: what needs no service to be refused.

use actix_web::{
    http::{Method, header::CONTENT_TYPE},
    test::TestRequest,
};

use super::Gateway;
use crate::http::{
    route::{Access, OperationDoc},
    table::table,
};

const OWN: (&str, &str) = ("origin", "http://127.0.0.1:8080");

const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");

/// What a page of another site, or no page at all, sends.
const OTHERS: [&[(&str, &str)]; 9] = [
    &[],
    &[("origin", "https://evil.test")],
    &[("origin", "null")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[OWN, ("origin", "https://evil.test")],
    // A name of theirs that they made lead here.
    &[SAME, ("host", "evil.test:8080")],
    &[
        SAME,
        ("host", "evil.test:8080"),
        ("origin", "http://evil.test:8080"),
    ],
    &[
        SAME,
        ("host", "127.0.0.1:8080"),
        ("origin", "http://evil.test:8080"),
    ],
];

struct Operation {
    method: Method,
    path: String,
    doc: OperationDoc,
}

impl Operation {
    fn request(&self, headers: &[(&str, &str)]) -> TestRequest {
        let request = TestRequest::with_uri(&self.path)
            .method(self.method.clone())
            .insert_header((CONTENT_TYPE, "application/json"));
        let request = headers
            .iter()
            .fold(request, |request, header| request.append_header(*header));
        match self.method.is_safe() {
            true => request,
            false => request.set_payload("{}"),
        }
    }

    /// Status and code of a refusal.
    async fn refused(&self, gateway: &Gateway, headers: &[(&str, &str)]) -> (u16, String) {
        let (status, code, _) = gateway.problem(self.request(headers)).await;
        (status, code)
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

fn operations() -> Vec<Operation> {
    let id = "018f2b6e-5b1c-7a3d-9e4f-0123456789ab";
    let mut all = Vec::new();
    for path in table() {
        let filled = path.pattern().replace("{id}", id);
        let filled = filled.replace("{stream}", "user:feedback");
        all.extend(path.operations().iter().map(|(method, doc)| Operation {
            method: method.clone(),
            path: filled.clone(),
            doc: *doc,
        }));
    }
    all
}

fn for_somebody() -> impl Iterator<Item = Operation> {
    let operations = operations().into_iter();
    operations.filter(|of| of.doc.access != Access::Anyone)
}

fn with(
    cookie: &'static str,
    headers: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'static str)> {
    let cookie = [("cookie", cookie)];
    cookie.into_iter().chain(headers.iter().copied()).collect()
}

fn csrf() -> (u16, String) {
    (403, "csrf".to_owned())
}

#[actix_web::test]
async fn nobody_is_told_to_sign_in_by_every_route_that_is_not_for_anyone() {
    let gateway = Gateway::start(&[]).await;
    let unauthenticated = (401, "unauthenticated".to_owned());
    for operation in for_somebody() {
        for headers in [&[][..], &[("authorization", "Basic abc")]] {
            let refused = operation.refused(&gateway, headers).await;
            assert_eq!(refused, unauthenticated, "{}", operation.name());
        }
    }
    let for_anyone = operations().into_iter();
    for operation in for_anyone.filter(|of| of.doc.access == Access::Anyone) {
        let answer = gateway.answer(operation.request(&[])).await;
        assert_ne!(answer.status().as_u16(), 401, "{}", operation.name());
    }
}

#[actix_web::test]
async fn a_cookie_changes_nothing_unless_the_request_is_of_the_own_page() {
    let gateway = Gateway::start(&[]).await;
    for operation in for_somebody().filter(|of| !of.method.is_safe()) {
        for headers in OTHERS {
            let refused = operation
                .refused(&gateway, &with("dm_access=abc", headers))
                .await;
            assert_eq!(refused, csrf(), "{} {headers:?}", operation.name());
        }
        for headers in [
            &[OWN][..],
            &[SAME, ("host", "127.0.0.1:8080")],
            &[
                SAME,
                ("host", "localhost:8080"),
                ("origin", "http://localhost:8080"),
            ],
        ] {
            let refused = operation
                .refused(&gateway, &with("dm_access=abc", headers))
                .await;
            assert_ne!(refused, csrf(), "{} {headers:?}", operation.name());
        }
        let bearer = [("authorization", "Bearer abc"), OTHERS[1][0]];
        assert_ne!(
            operation.refused(&gateway, &bearer).await,
            csrf(),
            "{}",
            operation.name()
        );
    }
}

#[actix_web::test]
async fn no_other_page_opens_a_socket_and_any_may_look() {
    let gateway = Gateway::start(&[]).await;
    for operation in for_somebody().filter(|of| of.method.is_safe()) {
        let looks = operation
            .refused(&gateway, &with("dm_access=abc", OTHERS[1]))
            .await;
        assert_ne!(looks, csrf(), "{}", operation.name());
        for headers in OTHERS {
            let mut headers = with("dm_access=abc", headers);
            headers.push(("upgrade", "websocket"));
            let refused = operation.refused(&gateway, &headers).await;
            assert_eq!(refused, csrf(), "{} {headers:?}", operation.name());
        }
    }
}

#[actix_web::test]
async fn no_other_page_renews_by_a_cookie() {
    let gateway = Gateway::start(&[]).await;
    let refresh = operations().into_iter();
    let refresh = refresh.filter(|of| of.path == "/api/auth/refresh");
    let refresh = refresh.collect::<Vec<_>>().pop().expect("a route");
    for headers in OTHERS {
        let refused = refresh
            .refused(&gateway, &with("dm_refresh=abc", headers))
            .await;
        assert_eq!(refused, csrf(), "{headers:?}");
    }
    let own = refresh
        .refused(&gateway, &with("dm_refresh=abc", &[OWN]))
        .await;
    assert_eq!(own, (503, "unavailable".to_owned()));
}
