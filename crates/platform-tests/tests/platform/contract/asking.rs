//! Asking by the patterns of the document.

use reqwest::Method;
use serde_json::Value;
use test_kit::{Answer, Person};

use super::document::Contract;

/// One request of somebody.
pub(super) struct Asking<'a> {
    contract: &'a mut Contract,
    method: Method,
    pattern: &'a str,
    request: reqwest::RequestBuilder,
    person: &'a Person,
}

impl Contract {
    /// Asks `GET /api/tasks/{id}` for this id; a query may follow the id.
    pub(super) fn ask<'a>(
        &'a mut self,
        person: &'a Person,
        operation: &'a str,
        id: &str,
    ) -> Asking<'a> {
        let (method, pattern) = operation.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("a method");
        let path = match pattern.find('{').zip(pattern.find('}')) {
            Some((from, to)) => {
                let (id, query) = id.split_once('?').unwrap_or((id, ""));
                let path = format!("{}{id}{}", &pattern[..from], &pattern[to + 1..]);
                if query.is_empty() {
                    path
                } else {
                    format!("{path}?{query}")
                }
            }
            None => format!("{pattern}{id}"),
        };
        Asking {
            request: person.request(method.clone(), &path),
            contract: self,
            method,
            pattern,
            person,
        }
    }
}

impl Asking<'_> {
    /// With a body of JSON.
    pub(super) fn json(self, body: Value) -> Self {
        self.with(|request| request.json(&body))
    }

    /// Shaped further.
    pub(super) fn with(
        self,
        shape: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Self {
        Self {
            request: shape(self.request),
            ..self
        }
    }

    /// The answer, which has this status and is as the document says.
    pub(super) async fn expect(self, status: u16) -> Value {
        let answer = self.answer().await;
        answer.expect(status)
    }

    /// The problem, which is this one and as the document says.
    pub(super) async fn refused(self, status: u16, code: &str) {
        let answer = self.answer().await;
        answer.expect_problem(status, code);
    }

    /// The answer, which is as the document says.
    pub(super) async fn answer(self) -> Answer {
        let answer = self.person.send(self.request).await;
        self.contract
            .hold(self.method.as_str(), self.pattern, &answer);
        answer
    }
}
