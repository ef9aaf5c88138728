//! Whatever is sent, over every route: a problem document that says what is wrong, and never a 500.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use test_kit::{Answer, Person, Platform};

use crate::log::id;

/// A route that takes a JSON body, with one that is good.
struct Takes {
    method: Method,
    path: String,
    body: Value,
}

/// Somebody with one of each thing.
struct Owner {
    person: Person,
    project: Value,
    task: Value,
    comment: Value,
}

impl Owner {
    async fn on(platform: &Platform) -> Self {
        let person = platform.person().await;
        let project = person.create_project("BAD").await;
        let task = person.create_task(&project, "One").await;
        let comments = format!("/api/tasks/{}/comments", id(&task));
        let comment = person
            .post(&comments, json!({"body": "Text"}))
            .await
            .expect(201);
        Self {
            person,
            project,
            task,
            comment,
        }
    }

    fn bodies(&self) -> Vec<Takes> {
        let takes = |method: Method, path: String, body: Value| Takes { method, path, body };
        let (project, task, comment) = (id(&self.project), id(&self.task), id(&self.comment));
        let account = json!({"email": "new@example.com", "handle": "new-handle", "password": "long enough for all"});
        vec![
            takes(Method::POST, "/api/auth/register".to_owned(), account),
            takes(
                Method::POST,
                "/api/auth/login".to_owned(),
                json!({"email": "a@example.com", "password": "x"}),
            ),
            takes(
                Method::POST,
                "/api/projects".to_owned(),
                json!({"key": "NEW", "name": "Name", "description": ""}),
            ),
            takes(
                Method::PATCH,
                format!("/api/projects/{project}"),
                json!({"name": "x", "description": "", "status": "active"}),
            ),
            takes(
                Method::POST,
                format!("/api/projects/{project}/tasks"),
                json!({"title": "x", "description": "", "status": "todo", "labels": ["a"], "due_on": "2026-01-31"}),
            ),
            takes(
                Method::PATCH,
                format!("/api/tasks/{task}"),
                json!({"title": "x", "description": "", "status": "todo", "labels": [], "due_on": "2026-01-31"}),
            ),
            takes(
                Method::POST,
                format!("/api/tasks/{task}/comments"),
                json!({"body": "x"}),
            ),
            takes(
                Method::PATCH,
                format!("/api/comments/{comment}"),
                json!({"body": "x"}),
            ),
        ]
    }

    /// Every route of a thing, with its methods.
    fn things(&self) -> Vec<(String, Vec<Method>)> {
        let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
        let (project, task, comment) = (id(&self.project), id(&self.task), id(&self.comment));
        vec![
            (
                format!("/api/projects/{project}"),
                vec![get.clone(), patch.clone(), delete.clone()],
            ),
            (
                format!("/api/projects/{project}/tasks"),
                vec![get.clone(), post.clone()],
            ),
            (format!("/api/projects/{project}/events"), vec![get.clone()]),
            (
                format!("/api/projects/{project}/import"),
                vec![post.clone()],
            ),
            (
                format!("/api/tasks/{task}"),
                vec![get.clone(), patch.clone(), delete.clone()],
            ),
            (format!("/api/tasks/{task}/comments"), vec![get, post]),
            (format!("/api/comments/{comment}"), vec![patch, delete]),
        ]
    }
}

fn with_body(person: &Person, route: &Takes, body: impl Into<reqwest::Body>) -> RequestBuilder {
    let request = person.request(route.method.clone(), &route.path);
    request
        .header("content-type", "application/json")
        .body(body)
}

async fn sent(person: &Person, route: &Takes, body: &Value) -> Answer {
    person
        .send(with_body(person, route, body.to_string()))
        .await
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let deep = "[".repeat(500_000);
    let deep_field = format!("{{\"title\":{}", "{\"a\":".repeat(100_000));
    let broken: [&[u8]; 14] = [
        b"",
        b" ",
        b"{",
        b"nothing",
        b"{'title':'x'}",
        b"{\"title\":\"x\",}",
        b"{\"title\":\"x\"} more",
        b"{\"title\":\"\xff\"}",
        b"{\"title\":\"\\ud800\"}",
        b"{\"title\":\"a\nb\"}",
        b"{\"title\":1e999999}",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
        deep_field.as_bytes(),
    ];
    for route in owner.bodies() {
        for body in broken {
            let answer = owner
                .person
                .send(with_body(&owner.person, &route, body.to_vec()))
                .await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(answer.status, 400, "{} {shown}: {answer}", route.path);
            answer.expect_problem(400, "malformed");
        }
    }
}

#[tokio::test]
async fn wrong_types_of_body_and_too_much_of_it_are_refused() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    for route in owner.bodies() {
        let bare = owner
            .person
            .request(route.method.clone(), &route.path)
            .body("{}");
        owner
            .person
            .send(bare)
            .await
            .expect_problem(415, "unsupported_media_type");
        for wrong in [
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "application/jsonx",
            "json",
            ";",
        ] {
            let request = owner.person.request(route.method.clone(), &route.path);
            let answer = owner
                .person
                .send(request.header("content-type", wrong).body("{}"))
                .await;
            answer.expect_problem(415, "unsupported_media_type");
        }
        let charset = owner.person.request(route.method.clone(), &route.path);
        let charset = charset
            .header("content-type", "application/json; charset=utf-8")
            .body("{");
        owner
            .person
            .send(charset)
            .await
            .expect_problem(400, "malformed");

        let large = format!("{{\"title\":\"{}\"}}", "x".repeat(1 << 20));
        owner
            .person
            .send(with_body(&owner.person, &route, large.clone()))
            .await
            .expect_problem(413, "too_large");
        let pieces =
            futures_util::stream::iter([Ok::<_, std::io::Error>(large.clone()), Ok(large)]);
        let chunked = with_body(&owner.person, &route, reqwest::Body::wrap_stream(pieces));
        owner
            .person
            .send(chunked)
            .await
            .expect_problem(413, "too_large");
    }
}

#[tokio::test]
async fn each_wrong_field_is_named() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    for route in owner.bodies() {
        for body in [json!([]), json!("text"), json!(7), json!(null), json!(true)] {
            sent(&owner.person, &route, &body)
                .await
                .expect_problem(422, "invalid");
        }
        let mut unknown = route.body.clone();
        unknown["no_such_field"] = json!(1);
        refused(
            &sent(&owner.person, &route, &unknown).await,
            "no_such_field",
        );
        for (field, good) in route.body.as_object().expect("an object") {
            for wrong in wrong_values(field, good) {
                let mut body = route.body.clone();
                body[field] = wrong.clone();
                let answer = sent(&owner.person, &route, &body).await;
                assert_eq!(
                    answer.status, 422,
                    "{} {field} = {wrong:.60}: {answer}",
                    route.path
                );
                refused(&answer, field);
            }
        }
    }
}

/// Checks that a field, or a place in it, is named.
#[track_caller]
fn refused(answer: &Answer, field: &str) {
    answer.expect_problem(422, "invalid");
    let errors = answer.body["errors"].as_array().expect("errors");
    let named = errors.iter().all(|error| {
        let place = error["field"].as_str().unwrap_or_default();
        place == field || place.starts_with(&format!("{field}["))
    });
    assert!(!errors.is_empty() && named, "{field}: {answer}");
    assert!(
        errors
            .iter()
            .all(|error| !error["message"].as_str().unwrap_or_default().is_empty())
    );
}

/// Values that a field cannot hold. Sign-in takes any text: whether it is right is another question.
fn wrong_values(field: &str, good: &Value) -> Vec<Value> {
    let mut wrong = vec![
        json!(1),
        json!(-1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(true),
        json!({}),
        json!({"a": []}),
    ];
    if good.is_array() {
        wrong.extend([
            json!("a"),
            json!([1]),
            json!([null]),
            json!([["a"]]),
            json!([""]),
            json!(["x".repeat(65)]),
        ]);
        wrong.extend([json!(["a\u{0}"]), json!(vec!["a"; 33]), json!(null)]);
        return wrong;
    }
    wrong.extend([json!([]), json!(["a"])]);
    match field {
        "title" | "name" => {
            wrong.extend(["", " ", &"x".repeat(301), "a\nb"].map(|text| json!(text)))
        }
        "body" => wrong.extend(["", &"x".repeat(65_537)].map(|text| json!(text))),
        "description" => wrong.push(json!("x".repeat(65_537))),
        "key" => wrong.extend(
            ["", "A", "abc", "1A", "TOOLONGAKEY", "A B", "\u{c4}B"].map(|text| json!(text)),
        ),
        "status" => wrong.extend(["", "open", "TODO", "todo "].map(|text| json!(text))),
        "due_on" => wrong.extend(
            [
                "tomorrow",
                "2026-02-30",
                "2026-1-1",
                "26-01-01",
                "2026-01-31T00:00:00Z",
            ]
            .map(|text| json!(text)),
        ),
        "handle" => wrong.extend(
            ["", "ab", "-abc", "Abc", &"a".repeat(33), "a b", "\u{e4}bc"].map(|text| json!(text)),
        ),
        _ => {}
    }
    if field != "due_on" {
        wrong.push(json!(null));
    }
    let checked = ["title", "name", "body", "description"].contains(&field);
    if checked {
        wrong.extend(
            [
                "nul \u{0}",
                "bell \u{7}",
                "escape \u{1b}[31m",
                "delete \u{7f}",
                "c1 \u{85}",
            ]
            .map(|text| json!(text)),
        );
    }
    wrong
}

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
        &format!("{}@example.com", "a".repeat(400)),
    ];
    for email in addresses {
        let mut body = register.body.clone();
        body["email"] = json!(email);
        refused(&sent(&owner.person, register, &body).await, "email");
    }
    for password in ["", "short", &"x".repeat(100_000)] {
        let mut body = register.body.clone();
        body["password"] = json!(password);
        refused(&sent(&owner.person, register, &body).await, "password");
    }
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

#[tokio::test]
async fn what_is_not_theirs_is_not_found_whatever_is_asked_of_it() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let stranger = platform.person().await;
    for (path, methods) in owner.things() {
        let nowhere = path.split('/').map(|part| {
            if part.len() == 36 {
                uuid::Uuid::now_v7().to_string()
            } else {
                part.to_owned()
            }
        });
        let nowhere = nowhere.collect::<Vec<_>>().join("/");
        for method in &methods {
            let body = good_body(method, &path);
            for path in [&path, &nowhere] {
                let request = stranger.request(method.clone(), path);
                let request = body.as_ref().map_or_else(
                    || stranger.request(method.clone(), path),
                    |body| request.json(body),
                );
                stranger
                    .send(request)
                    .await
                    .expect_problem(404, "not_found");
            }
            for bad_id in [
                "x",
                "1",
                "%00",
                "..%2f..",
                &"0".repeat(36),
                "018f2b6e5b1c7a3d9e4f0123456789ab",
                "%F0%9F%A6%80",
            ] {
                let path = path
                    .split('/')
                    .map(|part| if part.len() == 36 { bad_id } else { part })
                    .collect::<Vec<_>>()
                    .join("/");
                let request = stranger.request(method.clone(), &path);
                let request = body.as_ref().map_or_else(
                    || stranger.request(method.clone(), &path),
                    |body| request.json(body),
                );
                stranger
                    .send(request)
                    .await
                    .expect_problem(404, "not_found");
            }
        }
    }
    for (path, _) in owner
        .things()
        .iter()
        .filter(|(path, methods)| methods.contains(&Method::GET) && !path.contains("import"))
    {
        owner.person.get(path).await.expect(200);
    }
}

fn good_body(method: &Method, path: &str) -> Option<Value> {
    let last = path.rsplit('/').next().unwrap_or_default();
    match (method.as_str(), last) {
        ("POST", "tasks") => Some(json!({"title": "x"})),
        ("POST", "comments") => Some(json!({"body": "x"})),
        ("POST", _) => Some(crate::import::archive(1, 0)),
        ("PATCH", _) if path.contains("comments") => Some(json!({"body": "x"})),
        ("PATCH", _) if path.contains("tasks") => Some(json!({"title": "x"})),
        ("PATCH", _) => Some(json!({"name": "x"})),
        _ => None,
    }
}

#[tokio::test]
async fn other_methods_and_other_paths() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let mut routes = owner.things();
    routes.extend([
        ("/api/me".to_owned(), vec![Method::GET]),
        ("/api/health".to_owned(), vec![Method::GET]),
        ("/api/projects".to_owned(), vec![Method::GET, Method::POST]),
        ("/api/auth/login".to_owned(), vec![Method::POST]),
        ("/api/auth/logout".to_owned(), vec![Method::POST]),
        ("/api/auth/register".to_owned(), vec![Method::POST]),
    ]);
    for (path, methods) in routes {
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            if !methods.contains(&method) {
                let answer = owner
                    .person
                    .send(owner.person.request(method.clone(), &path))
                    .await;
                assert_eq!(answer.status, 405, "{method} {path}: {answer}");
                answer.expect_problem(405, "method_not_allowed");
                let allowed: Vec<_> = answer
                    .header("allow")
                    .split(", ")
                    .map(str::to_owned)
                    .collect();
                assert!(
                    methods
                        .iter()
                        .all(|method| allowed.contains(&method.to_string())),
                    "{allowed:?}"
                );
            }
        }
    }
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/projects/",
        "/api//projects",
        "/nothing",
        "/api/ai/chat",
        "/api/openapi.jsonx",
        "/%00",
        "/..",
    ] {
        let answer = owner.person.get(path).await;
        assert!(path == "/.." || answer.status == 404, "{path}: {answer}");
    }
    let post = owner.person.post("/api/nothing", json!({})).await;
    post.expect_problem(404, "not_found");
}

#[tokio::test]
async fn without_a_session_nothing_is_told() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let mut nobody = owner.person.clone();
    for token in [
        "",
        "x",
        "a.b.c",
        "dmp_x",
        &format!("{}x", owner.person.token),
        &owner.person.token[..40],
        &"a".repeat(7000),
    ] {
        token.clone_into(&mut nobody.token);
        for (path, methods) in owner.things() {
            for method in methods {
                let answer = nobody
                    .send(nobody.request(method.clone(), &path).json(&json!({})))
                    .await;
                assert_eq!(answer.status, 401, "{method} {path}: {answer}");
                answer.expect_problem(401, "unauthenticated");
            }
        }
        nobody
            .get("/api/me")
            .await
            .expect_problem(401, "unauthenticated");
        nobody
            .post("/api/auth/logout", json!({}))
            .await
            .expect_problem(401, "unauthenticated");
    }
    owner.person.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn pages_limits_and_filters_are_checked() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let (project, task) = (id(&owner.project), id(&owner.task));
    let lists = [
        "/api/projects".to_owned(),
        format!("/api/projects/{project}/tasks"),
        format!("/api/tasks/{task}/comments"),
    ];
    let events = format!("/api/projects/{project}/events");
    for path in lists.iter().chain([&events]) {
        for limit in ["0", "201", "-1", "x", "1.5", "99999999999999999999", "1%00"] {
            refused(
                &owner.person.get(&format!("{path}?limit={limit}")).await,
                "limit",
            );
        }
        owner
            .person
            .get(&format!("{path}?limit=200"))
            .await
            .expect(200);
    }
    for path in lists {
        for cursor in [
            "x",
            "%00",
            "AAAA",
            "eyJhIjoxfQ",
            "..%2f",
            &"A".repeat(2000),
            "%F0%9F%A6%80",
            "1-0",
        ] {
            refused(
                &owner.person.get(&format!("{path}?cursor={cursor}")).await,
                "cursor",
            );
        }
    }
    for (name, value) in [
        ("after", "x"),
        ("after", "1"),
        ("after", "-1-0"),
        ("from", "x"),
        ("to", "yesterday"),
        ("from", "2026-01-01"),
    ] {
        refused(
            &owner.person.get(&format!("{events}?{name}={value}")).await,
            name,
        );
    }
    refused(
        &owner
            .person
            .get(&format!("/api/projects/{project}/tasks?status=nothing"))
            .await,
        "status",
    );
}

#[tokio::test]
async fn headers_that_make_a_change_safe_are_checked() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let tasks = format!("/api/projects/{}/tasks", id(&owner.project));
    for key in ["", &"k".repeat(129), "a b", "a\tb"] {
        let request = owner
            .person
            .request(Method::POST, &tasks)
            .header("idempotency-key", key);
        let answer = owner
            .person
            .send(request.json(&json!({"title": "x"})))
            .await;
        answer.expect_problem(422, "invalid");
    }
    let task = format!("/api/tasks/{}", id(&owner.task));
    for tag in ["\"999\"", "W/\"1\"", "x", "\"\"", "1"] {
        let request = owner
            .person
            .request(Method::PATCH, &task)
            .header("if-match", tag);
        owner
            .person
            .send(request.json(&json!({"title": "x"})))
            .await
            .expect_problem(412, "version_mismatch");
    }
}
