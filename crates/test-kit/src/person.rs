//! A person who uses the REST API.

use std::fmt;

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

use crate::{Live, PATIENCE};

/// A password that is good enough.
const PASSWORD: &str = "correct horse battery staple";

/// What a request was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The JSON body; `null` when there is none, a text when it is no JSON.
    pub body: Value,
}

/// Somebody with an account and a session. Cheap to clone: it is the same session.
#[derive(Clone)]
pub struct Person {
    /// Account id.
    pub id: String,
    /// Address they sign in with.
    pub email: String,
    /// Public short name.
    pub handle: String,
    /// Access token.
    pub token: String,
    base_url: String,
    http: reqwest::Client,
}

impl Person {
    /// Registers somebody new and signs them in.
    pub async fn register(base_url: &str) -> Self {
        let unique = uuid::Uuid::now_v7().simple().to_string();
        let handle = format!("p{}", &unique[4..]);
        let email = format!("{handle}@example.com");
        let account = json!({"email": email, "handle": handle, "password": PASSWORD});
        let register = http()
            .post(format!("{base_url}/api/auth/register"))
            .json(&account);
        send(register)
            .await
            .expect("the gateway answers")
            .expect(201);
        Self::sign_in(base_url, &email, PASSWORD).await
    }

    /// Signs in with an account that exists.
    pub async fn sign_in(base_url: &str, email: &str, password: &str) -> Self {
        let http = http();
        let credentials = json!({"email": email, "password": password});
        let login = http
            .post(format!("{base_url}/api/auth/login"))
            .json(&credentials);
        let session = send(login).await.expect("the gateway answers").expect(200);
        let text = |pointer: &str| {
            session
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Self {
            id: text("/user/id").expect("an id"),
            email: email.to_owned(),
            handle: text("/user/handle").expect("a handle"),
            token: text("/access_token").expect("a token"),
            base_url: base_url.to_owned(),
            http,
        }
    }

    /// Another session of the same account.
    pub async fn sign_in_again(&self) -> Self {
        Self::sign_in(&self.base_url, &self.email, PASSWORD).await
    }

    /// The same session at another gateway.
    pub fn at(&self, base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            ..self.clone()
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body))
            .await
    }

    /// PATCH with JSON.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body))
            .await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A request with their token, to be shaped further.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base_url);
        self.http.request(method, url).bearer_auth(&self.token)
    }

    /// Sends a request that has to be answered.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        send(request).await.expect("the gateway answers")
    }

    /// Sends a request that may not be answered.
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        send(request).await
    }

    /// A project of theirs with this key.
    pub async fn create_project(&self, key: &str) -> Value {
        self.post(
            "/api/projects",
            json!({"key": key, "name": format!("Project {key}")}),
        )
        .await
        .expect(201)
    }

    /// A task in a project.
    pub async fn create_task(&self, project: &Value, title: &str) -> Value {
        let path = format!("/api/projects/{}/tasks", id(project));
        self.post(&path, json!({"title": title})).await.expect(201)
    }

    /// Their WebSocket.
    pub async fn live(&self) -> Live {
        Live::connect(&self.base_url, &self.token)
            .await
            .expect("a WebSocket")
    }
}

impl Answer {
    /// The body, when the status is this one; else panics with the whole answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        self.body
    }

    /// Checks that it is a problem document with this status and code.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{self}"
        );
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self}"
        );
        let wanted = format!("/api/docs/errors#{code}");
        assert_eq!(self.body["type"], wanted, "{self}");
        assert_eq!(self.body["status"], status, "{self}");
        assert_eq!(
            self.body["request_id"],
            self.header("x-request-id"),
            "{self}"
        );
        for field in ["title", "detail"] {
            assert!(
                self.body[field]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{field}: {self}"
            );
        }
    }

    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}\n{}", self.status, self.headers, self.body)
    }
}

/// The `id` of a resource.
fn id(resource: &Value) -> &str {
    resource["id"].as_str().expect("a resource has an id")
}

fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    builder.build().expect("an HTTP client")
}

async fn send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let answer = request.send().await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await?;
    let body = match text.as_str() {
        "" => Value::Null,
        _ => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    };
    Ok(Answer {
        status,
        headers,
        body,
    })
}
