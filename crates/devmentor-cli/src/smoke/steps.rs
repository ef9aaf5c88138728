//! What was tried, how long each step took, and which failed.

use std::{process::ExitCode, time::Instant};

use serde_json::{Value, json};

use crate::output;

/// What of the new person may be there.
#[derive(Default)]
pub(super) struct Leftovers {
    /// Their handle, while the account may be there.
    pub(super) account: Option<String>,
    /// The key of their project, while that may be there.
    pub(super) project: Option<String>,
    /// They asked the mentor.
    pub(super) asked: bool,
    /// They rated a reply.
    pub(super) rated: bool,
}

impl Leftovers {
    /// What nothing removes yet.
    fn traces(&self) -> Vec<&'static str> {
        let traces = [
            (self.asked, "its conversation with the mentor (for 90 days)"),
            (self.rated, "what its rating taught"),
        ];
        let left = traces.iter().filter(|(is_left, _)| *is_left);
        left.map(|(_, trace)| *trace).collect()
    }

    fn told(&self) -> String {
        let account = self.account.as_ref();
        let account = account.map(|handle| format!("the account {handle}"));
        let project = self.project.as_ref();
        let project = project.map(|key| format!("its project {key}"));
        let traces = self.traces().into_iter().map(str::to_owned);
        let all: Vec<_> = account.into_iter().chain(project).chain(traces).collect();
        match all.is_empty() {
            true => "Nothing of it stays.".to_owned(),
            false => format!("Left behind: {}.", all.join(", ")),
        }
    }
}

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
    pub(super) fn tell(&self, left: &Leftovers, as_json: bool) -> ExitCode {
        let took_ms = elapsed_ms(self.began);
        if as_json {
            output::document(&json!({
                "ok": self.failed.is_none(), "took_ms": took_ms, "steps": self.taken,
                "failed_step": self.failed.as_ref().map(|(step, _)| step),
                "error": self.failed.as_ref().map(|(_, error)| error),
                "account": left.account, "account_removed": left.account.is_none(),
                "project_removed": left.project.is_none(), "stays": left.traces(),
            }));
        } else {
            let outcome = match &self.failed {
                None => format!("All is well, in {took_ms} ms."),
                Some((step, error)) => format!("Failed: {step}\n  {error}"),
            };
            output::answer(&outcome);
            output::answer(&left.told());
        }
        ExitCode::from(u8::from(self.failed.is_some()))
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_told() {
        assert_eq!(Leftovers::default().told(), "Nothing of it stays.");
        let left = Leftovers {
            account: Some("smoke-1".to_owned()),
            project: Some("S1".to_owned()),
            asked: true,
            rated: false,
        };
        assert_eq!(
            left.told(),
            "Left behind: the account smoke-1, its project S1, its conversation with the mentor (for 90 days)."
        );
    }
}
