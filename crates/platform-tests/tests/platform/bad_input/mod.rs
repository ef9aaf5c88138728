//! Whatever is sent, over every route: a problem document that says what is wrong, and never a 500.

mod accounts;
mod bodies;
mod headers;
mod queries;
mod routes;

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
    /// The mentor's.
    reply: Value,
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
        let asked = json!({"message": "What is there to do?"});
        let reply = person.post("/api/ai/chat", asked).await.expect(200);
        Self {
            person,
            project,
            task,
            comment,
            reply,
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
            takes(
                Method::POST,
                "/api/ai/chat".to_owned(),
                json!({"message": "x"}),
            ),
            takes(
                Method::POST,
                "/api/feedback".to_owned(),
                json!({"target_type": "mentor_reply", "target_id": self.reply["message_id"], "rating": 5,
                    "tags": ["clear"], "comment": "x"}),
            ),
            takes(
                Method::POST,
                "/api/interactions".to_owned(),
                json!({"message_id": self.reply["message_id"], "kind": "accepted",
                    "suggestion": {"kind": "close", "task_id": task}}),
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
                format!("/api/projects/{project}/summary"),
                vec![get.clone()],
            ),
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

/// Routes of the caller's own, or for admins, that need a session and name no thing.
fn own_routes() -> Vec<(String, Vec<Method>)> {
    let routes = [
        ("/api/me", vec![Method::GET, Method::PATCH, Method::DELETE]),
        ("/api/projects", vec![Method::GET, Method::POST]),
        ("/api/ai/chat", vec![Method::POST]),
        ("/api/feedback", vec![Method::POST]),
        ("/api/interactions", vec![Method::POST]),
        ("/api/learning/profile", vec![Method::GET]),
        ("/api/admin/streams", vec![Method::GET]),
        ("/api/admin/dlq/user:feedback", vec![Method::GET]),
        ("/api/auth/logout", vec![Method::POST]),
    ];
    let routes = routes.into_iter();
    routes
        .map(|(path, methods)| (path.to_owned(), methods))
        .collect()
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

/// Checks that a field, or a place in it, is named.
#[track_caller]
fn refused(answer: &Answer, field: &str) {
    answer.expect_problem(422, "invalid");
    let errors = answer.body["errors"].as_array().expect("errors");
    let named = errors.iter().all(|error| {
        let place = error["field"].as_str().unwrap_or_default();
        let inside = place.strip_prefix(field);
        inside.is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
    });
    assert!(!errors.is_empty() && named, "{field}: {answer}");
    assert!(
        errors
            .iter()
            .all(|error| !error["message"].as_str().unwrap_or_default().is_empty())
    );
}
