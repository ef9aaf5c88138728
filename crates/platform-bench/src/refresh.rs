//! A refresh: processor time of auth-service, its commit included. Beside it the bare commit of the same
//! row in the service's own schema, which is what no refresh can do without.

use std::time::Duration;

use anyhow::Context as _;
use test_kit::Platform;

use crate::{
    accounts::{Account, Refreshing},
    ceiling::CommitSession,
    load::{Load, Sample, Step},
    plan::Plan,
    process::cpu_time,
    report::{Expected, Figure, Report, Unit, progress},
    rounds::Rounds,
};

/// Sessions that are renewed at the same time.
const SESSIONS: usize = 8;

/// What a refresh may take.
const BUDGET_MICROS: f64 = 200.0;

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let mut platform = Platform::start().await;
    let account = Account::register(&platform).await?;
    let mut refreshing = Refreshing::load(&account, SESSIONS).await?;
    let folder = tempfile::tempdir()?;
    let mut commit = Load::new(vec![CommitSession::open(folder.path()).await?]);
    let service = platform
        .service("auth-service")
        .pid()
        .context("a process")?;

    refreshing.round(plan.round() / 2).await?; // warm
    let (mut refreshes, mut commits) = (Measured::default(), Measured::default());
    for round in plan.rounds() {
        refreshes
            .round(&mut refreshing, plan.round(), service)
            .await?;
        commits
            .round(&mut commit, plan.round(), std::process::id())
            .await?;
        progress(&format!("  round {round}"));
    }
    let (refresh_cpu, refresh) = refreshes.figures("refresh, 8 sessions");
    let (commit_cpu, commit) = commits.figures("bare commit");
    let budget = Figure::budget(Unit::Microseconds, BUDGET_MICROS);
    let mut report = Report::default();
    report.row(&refresh_cpu, &budget, Some(Expected::RatioAtMost(1.0)));
    report.row(&refresh_cpu, &commit_cpu, None);
    report.row(&refresh.rate, &commit.rate, None);
    report.row(&refresh.p50, &commit.p50, None);
    Ok(report)
}

#[derive(Default)]
struct Measured {
    rounds: Rounds,
    cpu_micros: Vec<f64>,
}

impl Measured {
    async fn round<S: Step>(
        &mut self,
        load: &mut Load<S>,
        length: Duration,
        pid: u32,
    ) -> anyhow::Result<()> {
        let before = cpu_time(pid)?;
        let sample = load.round(length).await?;
        let took = cpu_time(pid)? - before;
        self.cpu_micros.push(micros_each(took, &sample));
        self.rounds.add(&sample, 1.0);
        Ok(())
    }

    fn figures(self, name: &str) -> (Figure, crate::rounds::Figures) {
        let cpu = format!("{name}, processor time of one");
        (
            Figure::median(cpu, Unit::Microseconds, self.cpu_micros),
            self.rounds.figures(name),
        )
    }
}

fn micros_each(took: Duration, sample: &Sample) -> f64 {
    took.as_secs_f64() * 1e6 / sample.took.len().max(1) as f64
}
