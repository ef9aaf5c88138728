//! The running platform's REST API, as a signed-in person.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use service_kit::{Service, config};
use tokio::sync::Mutex;

use crate::{arguments::Global, output::Usage};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest silence of the other side: a large import is checked whole before its first line.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(120);
const GATEWAY_PORT: u16 = 8080;

/// A client of the platform. Signs in when a request first needs it.
pub(crate) struct Api {
    client: Client,
    url: String,
    data_dir: PathBuf,
    /// As the command line gives it.
    token: Option<String>,
    admin: Mutex<Option<Session>>,
}

/// Signed in as the first admin.
struct Session {
    token: String,
    renew_at: Instant,
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
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT);
        if matches!(parsed.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
            client = client.no_proxy();
        }
        Ok(Self {
            client: client.build().context("TLS cannot be set up")?,
            url,
            data_dir: global.data_dir.clone(),
            token: global.token.clone(),
            admin: Mutex::default(),
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
        if let Some(token) = &self.token {
            return Ok(request.bearer_auth(token));
        }
        let mut admin = self.admin.lock().await;
        let session = match admin.take() {
            Some(session) if Instant::now() < session.renew_at => session,
            _ => self.sign_in().await?,
        };
        Ok(request.bearer_auth(&admin.insert(session).token))
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
            let hint = if error.is_connect() {
                "; is it running? `devmentor up` starts it"
            } else {
                ""
            };
            anyhow::anyhow!(
                "{} cannot be reached ({}){hint}",
                self.url,
                root_cause(&error)
            )
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

    async fn sign_in(&self) -> anyhow::Result<Session> {
        #[derive(Deserialize)]
        struct SignedIn {
            access_token: String,
            expires_in: u64,
        }
        let (email, password) = self.bootstrap_admin()?;
        let body = json!({"email": email, "password": password.expose_secret()});
        let request = self.anonymous(Method::POST, "/api/auth/login").json(&body);
        let signed_in: Result<SignedIn, _> = self.fetch(request).await;
        let signed_in = signed_in.with_context(|| {
            format!(
                "signing in as {email} failed; give --token, or the --data-dir of that platform"
            )
        })?;
        Ok(Session {
            token: signed_in.access_token,
            renew_at: Instant::now() + Duration::from_secs(signed_in.expires_in) / 2,
        })
    }

    /// The first admin, as auth-service made it.
    fn bootstrap_admin(&self) -> anyhow::Result<(String, SecretString)> {
        let bootstrap = config::load_for(&AUTH, None, &config::process_environment())?.bootstrap;
        let password = match bootstrap.admin_password {
            Some(password) => password,
            None => password_in(&self.data_dir.join("admin-password"))?,
        };
        Ok((bootstrap.admin_email, password))
    }
}

const AUTH: Service = Service {
    name: "auth-service",
    version: env!("CARGO_PKG_VERSION"),
    http_port: 8081,
    grpc_port: Some(50051),
    ops_port: 8081,
};

/// The first line of a file.
pub(crate) fn password_in(path: &std::path::Path) -> anyhow::Result<SecretString> {
    let hint = || {
        format!(
            "{} cannot be read; give --token, or the --data-dir of the platform",
            path.display()
        )
    };
    let text = fs::read_to_string(path).with_context(hint)?;
    Ok(text.lines().next().unwrap_or_default().into())
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
