//! The running platform's REST API, as a signed-in person.

mod admin;

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};

use self::admin::Admin;
use crate::{arguments::Global, output::Usage};

pub(crate) use self::admin::password_in;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest silence of the other side: a large import is checked whole before its first line.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(120);
const GATEWAY_PORT: u16 = 8080;
/// How sessions of this command are shown to their person.
const AGENT: &str = concat!("devmentor/", env!("CARGO_PKG_VERSION"));

/// A client of the platform. Signs in when a request first needs it.
pub(crate) struct Api {
    client: Client,
    url: String,
    /// As the command line gives it.
    token: Option<String>,
    admin: Admin,
}

/// A page of a list.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// A problem document.
#[derive(Deserialize)]
pub(crate) struct ProblemDocument {
    status: u16,
    pub(crate) code: String,
    detail: String,
    request_id: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
}

#[derive(Deserialize)]
struct FieldError {
    field: String,
    message: String,
}

impl std::fmt::Debug for ProblemDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for ProblemDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.detail)?;
        for error in &self.errors {
            write!(f, "\n  {}: {}", error.field, error.message)?;
        }
        match &self.request_id {
            Some(id) => write!(f, "\n  code {}, request id {id}", self.code),
            None => write!(f, "\n  code {}", self.code),
        }
    }
}

impl std::error::Error for ProblemDocument {}

/// Nobody is there to be asked.
#[derive(Debug)]
struct NotThere(String);

impl std::fmt::Display for NotThere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotThere {}

/// Whether a request that failed so has surely done nothing: it was refused, or did not arrive.
pub(crate) fn did_nothing(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<ProblemDocument>();
    refused.is_some_and(|problem| problem.status < 500) || error.is::<NotThere>()
}

impl Api {
    /// A client as the command line says; nothing is sent yet.
    pub(crate) fn new(global: &Global) -> anyhow::Result<Self> {
        let default = || format!("http://127.0.0.1:{}", GATEWAY_PORT + global.port_offset);
        let url = global
            .url
            .clone()
            .unwrap_or_else(default)
            .trim_end_matches('/')
            .to_owned();
        let parsed = reqwest::Url::parse(&url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let parsed =
            parsed.ok_or_else(|| Usage(format!("--url {url}: expected http://HOST:PORT")))?;
        // A WebSocket begins as HTTP/1.1.
        let mut client = Client::builder()
            .http1_only()
            .user_agent(AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT);
        if matches!(parsed.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
            client = client.no_proxy();
        }
        Ok(Self {
            client: client.build().context("TLS cannot be set up")?,
            url,
            token: global.token.clone(),
            admin: Admin::new(&global.data_dir),
        })
    }

    /// The platform's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A request as nobody.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// A request as the person of the token.
    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
    ) -> anyhow::Result<RequestBuilder> {
        let request = self.anonymous(method, path);
        match &self.token {
            Some(token) => Ok(request.bearer_auth(token)),
            None => Ok(request.bearer_auth(self.admin.token(self).await?)),
        }
    }

    /// Sends it; a problem document becomes the error.
    pub(crate) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = self.send_any(request).await?;
        match response.status() {
            status if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS => {
                Ok(response)
            }
            status => match response.json::<ProblemDocument>().await {
                Ok(problem) => Err(problem.into()),
                Err(_) => bail!("{} answered {status}; is it DevMentor?", self.url),
            },
        }
    }

    /// Sends it and takes whatever status comes.
    pub(crate) async fn send_any(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        request.send().await.map_err(|error| {
            let told = format!("{} cannot be reached ({})", self.url, root_cause(&error));
            match error.is_connect() {
                true => NotThere(format!("{told}; is it running? `devmentor up` starts it")).into(),
                false => anyhow!(told),
            }
        })
    }

    /// Sends it and reads the answer.
    pub(crate) async fn fetch<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> anyhow::Result<T> {
        let response = self.send(request).await?;
        response
            .json()
            .await
            .with_context(|| format!("{} answered something else than this expects", self.url))
    }

    /// Reads one page after the other until `seen` has enough.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        mut seen: impl FnMut(Vec<T>) -> bool,
    ) -> anyhow::Result<()> {
        let mut cursor = None::<String>;
        loop {
            let mut request = self
                .request(Method::GET, path)
                .await?
                .query(&[("limit", "200")]);
            if let Some(cursor) = &cursor {
                request = request.query(&[("cursor", cursor)]);
            }
            let page: Page<T> = self.fetch(request).await?;
            let last = page.next_cursor.is_none() || page.next_cursor == cursor;
            if seen(page.items) || last {
                return Ok(());
            }
            cursor = page.next_cursor;
        }
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
