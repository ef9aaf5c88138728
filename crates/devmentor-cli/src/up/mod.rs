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
mod redis_server;
mod restarts;
mod tour;

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use anyhow::bail;
use service_kit::{Stage, Supervisor};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    api::Api,
    arguments::{Global, UpOptions},
    manifest::Manifest,
    output::{self, Usage},
};

use self::{console::Console, data_dir::DataDir, keep::Ending, plan::Plan};

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
    let tour = tour_guide(global, options)?;
    let data_dir = DataDir::claim(&global.data_dir)?;
    let plan = Plan::new(&manifest, &root, &data_dir, &selected)?;
    port_owner::refuse_taken(&plan.processes)?;
    for need in plan.missing_needs(&manifest) {
        output::tell(&need);
    }
    tokio::select! {
        ended = supervise(plan, &data_dir, tour, global.json, stop) => ended.map(|()| ExitCode::SUCCESS),
        () = impatience => bail!("told twice to stop; what was left was killed"),
    }
}

/// Who makes the tour, where it is wanted and the data directory is new.
fn tour_guide(global: &Global, options: &UpOptions) -> anyhow::Result<Option<Api>> {
    if !options.tour {
        return Ok(None);
    }
    if !DataDir::is_empty(&global.data_dir) {
        let directory = global.data_dir.display();
        output::tell(&format!(
            "--tour is for an empty data directory; {directory} is not, so there is none"
        ));
        return Ok(None);
    }
    // The platform that is started here, whatever else commands are told to talk to.
    let own = Global {
        url: None,
        token: None,
        data_dir: global.data_dir.clone(),
        ..*global
    };
    Api::new(&own).map(Some)
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
    tour: Option<Api>,
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
