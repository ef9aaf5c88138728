//! `devmentor up`: the platform of the manifest, in the foreground, supervised until it is told to stop.

mod announce;
mod build;
mod child;
mod console;
mod data_dir;
mod keep;
mod plan;
mod port_owner;
mod ready;
mod redis_process;
mod redis_server;
mod restarts;
mod taken_ports;
mod tour;

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use anyhow::bail;
use service_kit::{Stage, Supervisor, private_file};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    arguments::{Global, UpOptions},
    manifest::Manifest,
    output::{self, Usage},
};

use self::{console::Console, data_dir::DataDir, keep::Ending, plan::Plan, tour::Tour};

pub(crate) use self::child::exec_child;

/// Beyond the longest drain a service was given.
const SPARE: Duration = Duration::from_secs(5);

/// Runs the platform; returns when all of it has stopped.
pub(crate) async fn run(global: &Global, options: &UpOptions) -> anyhow::Result<ExitCode> {
    let (manifest, root) = Manifest::find(global.port_offset)?;
    let selected = selected(&manifest, &options.only)?;
    // Asked for before anything is started, so that no moment is left in which a stop kills only this.
    let (stop, impatience) = (signals(1)?, signals(2)?);
    if !options.no_build && !build::run(&root, signals(1)?).await? {
        return Ok(ExitCode::FAILURE);
    }
    // Not before, as what is built is everybody's.
    private_file::only_private();
    let data_dir = DataDir::claim(&global.data_dir)?;
    let plan = Plan::new(&manifest, &root, &data_dir, &selected)?;
    let ports = plan.ports();
    tokio::select! {
        free = taken_ports::wait(&ports) => free?,
        () = signals(1)? => return Ok(ExitCode::FAILURE),
    }
    for need in plan.missing_needs(&manifest) {
        output::tell(&need);
    }
    let tour = match options.tour {
        true => Tour::new(global, &data_dir, &plan)?,
        false => None,
    };
    tokio::select! {
        ended = supervise(plan, &data_dir, tour, global.json, stop) => ended.map(|()| ExitCode::SUCCESS),
        () = impatience => bail!("told twice to stop; what was left was killed"),
    }
}

/// The names `--only` chose; all when it was not given.
fn selected(manifest: &Manifest, only: &[String]) -> anyhow::Result<BTreeSet<String>> {
    let names = manifest.names();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!(Usage(format!(
            "--only: {unknown:?} is not known; there are {}",
            names.join(", ")
        )));
    }
    let all = || names.iter().map(|name| (*name).to_owned()).collect();
    Ok(if only.is_empty() {
        all()
    } else {
        only.iter().cloned().collect()
    })
}

async fn supervise(
    plan: Plan,
    data_dir: &DataDir,
    tour: Option<Tour>,
    as_json: bool,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let console = Console::start(plan.processes.iter().map(|process| process.name));
    let patience = plan.longest_drain + SPARE;
    let ending = Ending::new(patience);
    let mut supervisor = Supervisor::new(patience + SPARE);
    let probes: Vec<_> = plan
        .processes
        .iter()
        .map(|process| (process.name, process.probe.clone()))
        .collect();
    for process in plan.processes {
        let (stage, name) = (process.stage, process.name);
        let log = console.log(name, data_dir.log_file(name))?;
        let keeping = keep::keep(process, log, supervisor.stop_of(stage), ending.clone());
        supervisor.spawn(stage, name, keeping);
    }
    let announcing = announce::when_ready(
        probes,
        plan.sign_in,
        tour,
        console.clone(),
        as_json,
        supervisor.stop_of(Stage::Listeners),
    );
    supervisor.spawn(Stage::Listeners, "announce", announcing);
    let told = async {
        stop.await;
        ending.begin();
        console.note("stopping");
    };
    let ended = supervisor.run(told).await;
    console.finish();
    ended
}

/// Ready at the n-th SIGINT, SIGTERM or SIGHUP from now on.
fn signals(count: usize) -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        for _ in 0..count {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        }
    })
}
