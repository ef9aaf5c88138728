//! The session of the first admin. It is kept in `<data-dir>/cli-session.json` (0600) between commands:
//! signing in at each one would soon use up what one address may. A refresh token counts once, so commands
//! that run at the same time renew the session one after the other, and each uses what is newest.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::{Service, config, private_file};
use tokio::sync::Mutex;

use super::{Api, ProblemDocument};
use crate::output;

/// A token that ends sooner than this is renewed first.
const ENDS_SOON_S: u64 = 30;

/// How long another command may take to renew the session, and how often it is looked whether it has.
const TURN_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Who signs in, and what is kept of it.
pub(super) struct Admin {
    data_dir: PathBuf,
    session: Mutex<Option<Session>>,
}

/// Signed in. Good only at this address and for this person.
#[derive(Serialize, Deserialize)]
struct Session {
    url: String,
    email: String,
    access_token: String,
    refresh_token: String,
    /// Unix seconds.
    expires_at: u64,
}

impl Session {
    fn is_fresh(&self) -> bool {
        unix_s() + ENDS_SOON_S < self.expires_at
    }
}

/// What signing in and renewing are answered.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answered {
    SignedIn {
        access_token: String,
        refresh_token: String,
        expires_in: u64,
    },
    SecondStep {
        #[serde(rename = "second_factor_required")]
        _required: bool,
    },
}

impl Admin {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            session: Mutex::default(),
        }
    }

    /// A token that is good for the next request.
    pub(super) async fn token(&self, api: &Api) -> anyhow::Result<String> {
        let mut held = self.session.lock().await;
        let session = match held.take() {
            Some(session) if session.is_fresh() => session,
            old => self.next(api, old).await?,
        };
        Ok(held.insert(session).access_token.clone())
    }

    /// The session that was kept, by this command or another; renewed, or a new one, where it has to be.
    async fn next(&self, api: &Api, old: Option<Session>) -> anyhow::Result<Session> {
        let _turn = self.turn().await?;
        let email = config::load_for(&AUTH, None, &config::process_environment())?
            .bootstrap
            .admin_email;
        let kept = self.kept();
        let kept = kept.filter(|kept| kept.url == api.url && kept.email == email);
        let Some(newest) = kept.or(old) else {
            return self.sign_in(api).await;
        };
        if newest.is_fresh() && lives(api, &newest).await? {
            return Ok(newest);
        }
        self.renewed(api, newest).await
    }

    /// The session with new tokens; a new one, when it has ended.
    async fn renewed(&self, api: &Api, session: Session) -> anyhow::Result<Session> {
        let body = json!({"refresh_token": session.refresh_token});
        let request = api.anonymous(Method::POST, "/api/auth/refresh").json(&body);
        match api.fetch(request).await {
            Ok(answered) => self.keep(api, session.email, answered),
            Err(error) if is_unauthenticated(&error) => self.sign_in(api).await,
            Err(error) => Err(error),
        }
    }

    /// Waits until no other command is at the session; its end is when this is dropped. There is none where
    /// nothing is kept.
    async fn turn(&self) -> anyhow::Result<Option<File>> {
        if !self.data_dir.is_dir() {
            return Ok(None);
        }
        let path = self.data_dir.join("cli-session.lock");
        let mut options = OpenOptions::new();
        let lock = options.create(true).append(true).mode(0o600).open(&path);
        // A directory that is not ours to write keeps no session either.
        let Ok(lock) = lock else { return Ok(None) };
        let give_up_at = Instant::now() + TURN_WITHIN;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(lock)),
                Err(TryLockError::WouldBlock) if Instant::now() < give_up_at => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(TryLockError::WouldBlock) => bail!(
                    "another devmentor command is still signing in; it holds {}",
                    path.display()
                ),
                Err(TryLockError::Error(error)) => return Err(error).context("cli-session.lock"),
            }
        }
    }

    async fn sign_in(&self, api: &Api) -> anyhow::Result<Session> {
        let (email, password) = self.credentials()?;
        let body = json!({"email": email, "password": password.expose_secret()});
        let request = api.anonymous(Method::POST, "/api/auth/login").json(&body);
        let answered = api.fetch(request).await.with_context(|| {
            format!(
                "signing in as {email} failed; give --token, or the --data-dir of that platform"
            )
        })?;
        self.keep(api, email, answered)
    }

    fn keep(&self, api: &Api, email: String, answered: Answered) -> anyhow::Result<Session> {
        let Answered::SignedIn {
            access_token,
            refresh_token,
            expires_in,
        } = answered
        else {
            bail!(
                "{email} has a second factor; make a machine token in the web app, with the scopes that \
                 are needed, and give it as --token"
            );
        };
        let session = Session {
            url: api.url.clone(),
            email,
            access_token,
            refresh_token,
            expires_at: unix_s() + expires_in,
        };
        // A platform elsewhere has no directory here, and gets none.
        if self.data_dir.is_dir() {
            let written = private_file::write(&self.file(), &serde_json::to_vec(&session)?);
            if let Err(error) = written {
                output::tell(&format!("the session is not kept: {error:#}"));
            }
        }
        Ok(session)
    }

    /// What cannot be read, or others can, is made anew.
    fn kept(&self) -> Option<Session> {
        let bytes = private_file::read(&self.file()).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn file(&self) -> PathBuf {
        self.data_dir.join("cli-session.json")
    }

    /// The first admin, as auth-service made it.
    fn credentials(&self) -> anyhow::Result<(String, SecretString)> {
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

async fn lives(api: &Api, session: &Session) -> anyhow::Result<bool> {
    let me = api.anonymous(Method::GET, "/api/me");
    let answer = api.send_any(me.bearer_auth(&session.access_token)).await?;
    Ok(answer.status() != StatusCode::UNAUTHORIZED)
}

fn is_unauthenticated(error: &anyhow::Error) -> bool {
    const ENDED: [&str; 3] = ["unauthenticated", "session_ended", "token_reused"];
    let problem = error.downcast_ref::<ProblemDocument>();
    problem.is_some_and(|problem| ENDED.contains(&&*problem.code))
}

fn unix_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or(Duration::ZERO).as_secs()
}

/// The first line of a file.
pub(crate) fn password_in(path: &Path) -> anyhow::Result<SecretString> {
    let hint = || {
        format!(
            "{} cannot be read; give --token, or the --data-dir of the platform",
            path.display()
        )
    };
    let text = fs::read_to_string(path).with_context(hint)?;
    Ok(text.lines().next().unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_step_is_told_from_a_sign_in() {
        let second = r#"{"second_factor_required":true,"challenge":"abc","expires_in":300}"#;
        let answered = serde_json::from_str(second).expect("read");
        assert!(matches!(answered, Answered::SecondStep { .. }));
        let tokens = r#"{"access_token":"a","token_type":"Bearer","expires_in":300,"refresh_token":"dmr_b"}"#;
        let answered = serde_json::from_str(tokens).expect("read");
        assert!(matches!(
            answered,
            Answered::SignedIn {
                expires_in: 300,
                ..
            }
        ));
    }
}
