//! Keeps one process running until it is told to stop.

use std::{
    process::ExitStatus,
    sync::{Arc, OnceLock},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::Child,
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{child, console::Log, plan::Process, restarts::Restarts};

/// A longer line is shown as several.
const LONGEST_LINE_BYTES: u64 = 64 * 1024;
const LINES_WAITING: usize = 256;
/// How long what a dead process wrote last may take: a child of its own may hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// One deadline for all, from the moment a stop was asked for.
#[derive(Clone)]
pub(super) struct Ending {
    patience: Duration,
    deadline: Arc<OnceLock<Instant>>,
}

impl Ending {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            deadline: Arc::default(),
        }
    }

    /// The stop begins, if it has not yet. After the deadline this gives, what is left is killed.
    pub(super) fn begin(&self) -> Instant {
        *self.deadline.get_or_init(|| Instant::now() + self.patience)
    }
}

/// Starts it, shows what it writes, starts it again when it ends; on `stop` ends it.
pub(super) async fn keep(
    process: Process,
    mut log: Log,
    stop: CancellationToken,
    ending: Ending,
) -> anyhow::Result<()> {
    let mut restarts = Restarts::default();
    loop {
        let started = Instant::now();
        let ended = match child::start(&process) {
            Err(error) => format!("{error:#}"),
            Ok(child) => match live(child, &mut log, &stop, &ending).await {
                Some(status) => told(status),
                None => return Ok(()),
            },
        };
        let wait = restarts.after(started.elapsed());
        log.line(&format!(
            "[{ended}; starting it again in {:.1} s]",
            wait.as_secs_f32()
        ));
        tokio::select! {
            () = sleep(wait) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// How it ended by itself; nothing when it was stopped.
async fn live(
    mut child: Child,
    log: &mut Log,
    stop: &CancellationToken,
    ending: &Ending,
) -> Option<std::io::Result<ExitStatus>> {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let (sender, mut lines) = mpsc::channel(LINES_WAITING);
    let reading = (
        read(child.stdout.take(), sender.clone()),
        read(child.stderr.take(), sender),
    );
    let reading = async move { tokio::join!(reading.0, reading.1) };
    let showing = async {
        while let Some(line) = lines.recv().await {
            log.line(&line);
        }
    };
    let mut output = std::pin::pin!(async { tokio::join!(reading, showing) });
    let mut read_all = false;
    let mut deadline = None;
    loop {
        tokio::select! {
            status = child.wait() => {
                if !read_all {
                    drop(timeout(LAST_WORDS, output).await);
                }
                // What it started in turn goes with it.
                signal(pid, |pid| kill_process_group(pid, Signal::KILL));
                return deadline.is_none().then_some(status);
            }
            _ = &mut output, if !read_all => read_all = true,
            () = stop.cancelled(), if deadline.is_none() => {
                deadline = Some(ending.begin());
                signal(pid, |pid| kill_process(pid, Signal::TERM));
            }
            Some(()) = passed(deadline) => {
                signal(pid, |pid| kill_process_group(pid, Signal::KILL));
                deadline = Some(Instant::now() + LAST_WORDS);
            }
        }
    }
}

async fn passed(deadline: Option<Instant>) -> Option<()> {
    tokio::time::sleep_until(deadline?).await;
    Some(())
}

/// One that has just ended needs no signal.
fn signal(pid: Option<Pid>, send: impl Fn(Pid) -> rustix::io::Result<()>) {
    if let Some(pid) = pid {
        let _ = send(pid);
    }
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, lines: mpsc::Sender<String>) {
    let Some(pipe) = pipe else { return };
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut pipe)
        .take(LONGEST_LINE_BYTES)
        .read_until(b'\n', &mut line)
        .await
    {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if lines.send(text).await.is_err() {
            return;
        }
        line.clear();
    }
}

fn told(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(
        |error| format!("lost: {error}"),
        |status| format!("ended with {status}"),
    )
}
