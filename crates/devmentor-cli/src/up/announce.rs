//! Says when all is ready, and where a person begins.

use std::{
    fs,
    io::{self, IsTerminal},
    path::PathBuf,
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    console::Console,
    ready::{self, Probe},
    tour::{self, Tour},
};
use crate::output;

/// After so long without being ready, it is said what is not.
const PATIENCE: Duration = Duration::from_secs(15);

/// The web app and its first account.
pub(super) struct SignIn {
    pub(super) url: String,
    pub(super) email: String,
    /// As the settings say it.
    pub(super) password: Option<SecretString>,
    /// Where it is kept when it was generated.
    pub(super) password_file: PathBuf,
}

/// Waits for every process, announces, and then stays until `stop`.
pub(super) async fn when_ready(
    probes: Vec<(&'static str, Probe)>,
    sign_in: Option<SignIn>,
    tour: Option<Tour>,
    console: Console,
    as_json: bool,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let prepared = async {
        all_ready(probes, &console).await;
        if let Some(tour) = tour {
            make(&tour, &console).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        () = prepared => {}
    }
    if as_json {
        output::document(&document(sign_in.as_ref()));
    } else {
        output::answer(&text(sign_in.as_ref()));
    }
    stop.cancelled().await;
    Ok(())
}

async fn make(tour: &Tour, console: &Console) {
    match tour.make().await {
        Ok(()) => console.note(&format!("the tour is project {}", tour::KEY)),
        Err(error) => console.note(&format!("the tour was not made: {error:#}")),
    }
}

async fn all_ready(probes: Vec<(&'static str, Probe)>, console: &Console) {
    let mut waiting: Vec<_> = probes.iter().map(|(name, _)| *name).collect();
    let started = waiting.clone();
    let mut answers = JoinSet::new();
    for (name, probe) in probes {
        let started = started.clone();
        answers.spawn(async move { ready::wait(&probe, &started).await.map(|()| name) });
    }
    let mut patience = Instant::now() + PATIENCE;
    while !answers.is_empty() {
        tokio::select! {
            Some(Ok(Ok(ready))) = answers.join_next() => waiting.retain(|name| *name != ready),
            () = sleep_until(patience) => {
                console.note(&format!("not ready yet: {}", waiting.join(", ")));
                patience += PATIENCE;
            }
        }
    }
}

fn document(sign_in: Option<&SignIn>) -> serde_json::Value {
    match sign_in {
        None => json!({"ready": true}),
        Some(sign_in) => json!({
            "ready": true, "url": sign_in.url, "email": sign_in.email,
            "password_file": sign_in.password.is_none().then_some(&sign_in.password_file),
        }),
    }
}

fn text(sign_in: Option<&SignIn>) -> String {
    let Some(sign_in) = sign_in else {
        return "All is ready. Ctrl-C stops it.".to_owned();
    };
    format!(
        "\n  DevMentor is ready at {}\n  Sign in as {}\n  Password: {}\n\n  Ctrl-C stops everything.\n",
        sign_in.url,
        sign_in.email,
        shown_password(sign_in)
    )
}

/// A password is written out for a person at a terminal, and stays out of logs.
fn shown_password(sign_in: &SignIn) -> String {
    if sign_in.password.is_some() {
        return "as set in DEVMENTOR__BOOTSTRAP__ADMIN_PASSWORD".to_owned();
    }
    let generated = fs::read_to_string(&sign_in.password_file)
        .ok()
        .map(SecretString::from);
    match generated.filter(|_| io::stdout().is_terminal()) {
        Some(password) => password.expose_secret().trim_end().to_owned(),
        None => format!("in {}", sign_in.password_file.display()),
    }
}
