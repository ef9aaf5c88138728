//! What was tried, how long each step took, and which failed.

use std::{process::ExitCode, time::Instant};

use serde_json::{Value, json};

use crate::output;

/// The steps so far.
pub(super) struct Steps {
    began: Instant,
    taken: Vec<Value>,
    current: Option<(&'static str, Instant)>,
    /// The first that failed, and why.
    failed: Option<(&'static str, String)>,
}

impl Steps {
    /// The first one begins.
    pub(super) fn begin(step: &'static str) -> Self {
        let now = Instant::now();
        Self {
            began: now,
            taken: Vec::new(),
            current: Some((step, now)),
            failed: None,
        }
    }

    /// This one begins; one that has not ended yet was well.
    pub(super) fn next(&mut self, step: &'static str) {
        self.end(Ok(()));
        self.current = Some((step, Instant::now()));
    }

    /// How the current one ended.
    pub(super) fn end(&mut self, ended: anyhow::Result<()>) {
        let Some((step, began)) = self.current.take() else {
            return;
        };
        let took_ms = elapsed_ms(began);
        output::tell(&format!("{step:<22}{took_ms:>5} ms"));
        self.taken
            .push(json!({"step": step, "took_ms": took_ms, "ok": ended.is_ok()}));
        if let Err(error) = ended {
            output::tell(&format!("  failed: {error:#}"));
            self.failed.get_or_insert((step, format!("{error:#}")));
        }
    }

    /// The outcome, with what stays behind; exit 1 when a step failed.
    pub(super) fn tell(
        &self,
        account: Option<&str>,
        project_stays: bool,
        as_json: bool,
    ) -> ExitCode {
        let took_ms = elapsed_ms(self.began);
        if as_json {
            output::document(&json!({
                "ok": self.failed.is_none(), "took_ms": took_ms, "steps": self.taken,
                "failed_step": self.failed.as_ref().map(|(step, _)| step),
                "error": self.failed.as_ref().map(|(_, error)| error),
                "account": account, "project_removed": !project_stays,
            }));
        } else {
            let outcome = match &self.failed {
                None => format!("All is well, in {took_ms} ms."),
                Some((step, error)) => format!("Failed: {step}\n  {error}"),
            };
            output::answer(&outcome);
            output::answer(&left(account, project_stays));
        }
        ExitCode::from(u8::from(self.failed.is_some()))
    }
}

fn left(account: Option<&str>, project_stays: bool) -> String {
    match (account, project_stays) {
        (None, _) => "Nothing was made.".to_owned(),
        (Some(account), false) => format!("Only the account {account} stays."),
        (Some(account), true) => format!("The account {account} and its project stay."),
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
