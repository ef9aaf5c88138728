//! The benchmarks of the platform: each figure beside its ceiling, measured in the same run, so that
//! what counts is a ratio and not the machine. Real processes, loopback only; stops by itself and
//! leaves nothing behind but `target/bench/<name>.json`.

mod accounts;
mod ceiling;
mod chat;
mod commit_to_socket;
mod consume;
mod create_task;
mod crowd;
mod enumeration;
mod frame;
mod group;
mod limiter;
mod load;
mod logins;
mod me;
mod memory;
mod plan;
mod process;
mod rating_to_page;
mod ratings;
mod refresh;
mod refresh_in_storm;
mod report;
mod rounds;
mod session_memory;
mod start;
mod worker_start;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::{
    ceiling::Serve,
    plan::Plan,
    report::{Report, progress, say},
};

/// No benchmark takes longer than this.
const LONGEST: Duration = Duration::from_secs(180);

/// Benchmarks of the platform, each figure beside its ceiling. Needs the services in target/release
/// (`cargo build --release --workspace --bins`) and redis-server. An expectation that is not met is
/// shown and is no failure: exit 1 says that a benchmark could not be run.
#[derive(Parser)]
#[command(name = "platform-bench", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Which benchmarks; all when none is named
    #[arg(value_enum)]
    names: Vec<Benchmark>,
    /// Lists the benchmarks
    #[arg(long)]
    list: bool,
    /// How long each figure is measured
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=30))]
    seconds: u64,
    #[command(subcommand)]
    serve: Option<Serve>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// GET /api/me, the hot session check, beside a bare actix hello and actix + one Redis GET
    Me,
    /// Processor time of a refresh, its commit included, beside its budget and the bare commit
    Refresh,
    /// A refresh while many sign in beside one in calm
    RefreshInStorm,
    /// Sign-ins a second a core beside the bare Argon2id
    Logins,
    /// A decision over a lock and three limits beside a bare GET
    Limiter,
    /// The time of answers for known addresses beside that for unknown ones
    Enumeration,
    /// Memory with 100,000 live sessions, and Redis bytes of one
    SessionMemory,
    /// Making a task beside the bare commit of the same rows and a bare XADD
    CreateTask,
    /// Commit to receipt at 1,000 sockets beside bare Pub/Sub into a bare WebSocket server
    CommitToSocket,
    /// A worker's entries a second and processor time beside a bare XREADGROUP + XACK loop
    Consume,
    /// Asking the mentor without a provider beside the reading it needs
    Chat,
    /// A rating to the person's WebSocket beside a bare pipeline through Redis
    RatingToPage,
    /// The worker alone: exec to its first entry, and idle memory, beside their budgets
    WorkerStart,
    /// Idle and loaded memory of each service beside its budget
    Memory,
    /// Exec to ready of each service beside its budget
    Start,
}

impl Benchmark {
    async fn run(self, plan: &Plan) -> anyhow::Result<Report> {
        match self {
            Self::Me => me::run(plan).await,
            Self::Refresh => refresh::run(plan).await,
            Self::RefreshInStorm => refresh_in_storm::run(plan).await,
            Self::Logins => logins::run(plan).await,
            Self::Limiter => limiter::run(plan).await,
            Self::Enumeration => enumeration::run(plan).await,
            Self::SessionMemory => session_memory::run(plan).await,
            Self::CreateTask => create_task::run(plan).await,
            Self::CommitToSocket => commit_to_socket::run(plan).await,
            Self::Consume => consume::run(plan).await,
            Self::Chat => chat::run(plan).await,
            Self::RatingToPage => rating_to_page::run(plan).await,
            Self::WorkerStart => worker_start::run(plan).await,
            Self::Memory => memory::run(plan).await,
            Self::Start => start::run(plan).await,
        }
    }

    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn help(self) -> String {
        let value = self.to_possible_value();
        let help = value.and_then(|value| value.get_help().map(ToString::to_string));
        help.unwrap_or_default()
    }
}

// One thread: the load generator takes as little of the machine as it can.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(Arguments::parse()).await.unwrap_or_else(|error| {
        progress(&format!("platform-bench: {error:#}"));
        ExitCode::FAILURE
    })
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(serve) = arguments.serve {
        serve.run().await?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.list {
        for benchmark in Benchmark::value_variants() {
            say(&format!("{:<18}{}", benchmark.name(), benchmark.help()));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut names = arguments.names;
    if names.is_empty() {
        names = Benchmark::value_variants().to_vec();
    }
    process::allow_many_files()?;
    let plan = Plan::new(Duration::from_secs(arguments.seconds));
    // Whoever stops it early drops what runs, and with it every process and file.
    tokio::select! {
        outcome = run_all(&names, &plan) => outcome,
        stopped = told_to_stop() => { stopped?; bail!("stopped") }
    }
}

async fn run_all(names: &[Benchmark], plan: &Plan) -> anyhow::Result<ExitCode> {
    let mut reports = Vec::new();
    let mut failed = false;
    for benchmark in names {
        let name = benchmark.name();
        progress(&format!("{name}: {}", benchmark.help()));
        let outcome = timeout(LONGEST, benchmark.run(plan)).await;
        match outcome.context("took too long").and_then(|report| report) {
            Ok(report) => {
                report.write(&name)?;
                reports.push((name, report));
            }
            Err(error) => {
                failed = true;
                progress(&format!("{name} failed: {error:#}"));
            }
        }
    }
    say(&report::table(&reports));
    Ok(ExitCode::from(u8::from(failed)))
}

async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        told = tokio::signal::ctrl_c() => told?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
