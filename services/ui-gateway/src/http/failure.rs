//! A problem as an HTTP answer, RFC 9457.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    cookie::Cookie,
    http::{
        StatusCode,
        header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use service_kit::{Code, FieldError, Problem};

use crate::limits::BothHeaders;

/// Why a handler has no answer. Its document is written by the envelope, which knows the request id.
#[derive(Debug)]
pub struct Failure {
    problem: Problem,
    allow: Option<Box<str>>,
    cookies: Vec<Cookie<'static>>,
}

impl Failure {
    /// A known path that has no such method; `allow` lists those it has.
    pub(super) fn method_not_allowed(allow: &str) -> Self {
        Self {
            problem: Problem::new(Code::MethodNotAllowed, format!("Use {allow}.")),
            allow: Some(allow.into()),
            cookies: Vec::new(),
        }
    }

    /// The same, and cookies that the answer sets.
    pub(super) fn with_cookies(
        mut self,
        cookies: impl IntoIterator<Item = Cookie<'static>>,
    ) -> Self {
        self.cookies.extend(cookies);
        self
    }

    /// What is told.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl<P: Into<Problem>> From<P> for Failure {
    fn from(problem: P) -> Self {
        Self {
            problem: problem.into(),
            allow: None,
            cookies: Vec::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        status_of(&self.problem)
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        if let Some(retry_after) = self.problem.retry_after {
            answer.insert_header((RETRY_AFTER, retry_after.as_secs().max(1)));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            answer.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        if let Some(allow) = &self.allow {
            answer.insert_header((ALLOW, &**allow));
        }
        for cookie in &self.cookies {
            answer.cookie(cookie.clone());
        }
        let mut answer = answer.finish();
        let told = self.problem.limits.as_deref();
        if let Some(limits) = told.and_then(BothHeaders::of) {
            limits.write(answer.headers_mut());
        }
        answer
    }
}

fn status_of(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A problem document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[schemars(schema_with = "codes")]
    code: &'static str,
    request_id: &'a str,
    #[schemars(with = "Vec<WrongField>")]
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

/// A field and what is wrong with it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct WrongField {
    /// Its name, a path for nested ones.
    field: String,
    /// What would be right.
    message: String,
}

fn codes(_: &mut SchemaGenerator) -> Schema {
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    json_schema!({"type": "string", "enum": codes})
}

impl<'a> Document<'a> {
    /// The document of a problem of this request.
    pub fn new(problem: &'a Problem, request_id: &'a str) -> Self {
        let code = problem.code;
        Self {
            r#type: format!("/api/docs/errors#{}", code.name()),
            title: code.title(),
            status: code.http_status(),
            detail: &problem.detail,
            code: code.name(),
            request_id,
            errors: &problem.errors,
        }
    }
}

/// The problem of a fault that the framework found before a handler ran.
pub(super) fn foreign(status: StatusCode) -> Problem {
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        status if status.is_client_error() => Code::Malformed,
        status => return Problem::internal(format!("the framework answered {status}")),
    };
    Problem::new(code, "The request cannot be answered as it is.")
}
