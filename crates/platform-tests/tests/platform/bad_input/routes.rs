//! Things of others, methods and paths that are not there, and nobody.

use reqwest::Method;
use serde_json::{Value, json};
use test_kit::Platform;

use super::{Owner, own_routes};

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
    routes.extend(own_routes());
    routes.extend([
        ("/api/health".to_owned(), vec![Method::GET]),
        ("/api/auth/login".to_owned(), vec![Method::POST]),
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
        "/api/ai",
        "/api/admin/dlq",
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
        for (path, methods) in owner.things().into_iter().chain(own_routes()) {
            for method in methods {
                let answer = nobody
                    .send(nobody.request(method.clone(), &path).json(&json!({})))
                    .await;
                assert_eq!(answer.status, 401, "{method} {path}: {answer}");
                answer.expect_problem(401, "unauthenticated");
            }
        }
    }
    owner.person.get("/api/me").await.expect(200);
}
