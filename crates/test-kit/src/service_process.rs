//! A service as a process.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{PATIENCE, eventually};

/// Names that would change a service's settings from outside the test.
const INHERITED: &[&str] = &["REDIS_URL", "REDIS_STREAMS_URL", "DATABASE_URL", "PORT"];

/// How much of a log is shown when a test fails.
const SHOWN_LINES: usize = 60;

/// A running binary of this workspace. It has only the settings it is given, runs in a directory of
/// its own, and is killed when dropped. When a test fails, the end of its log is shown.
pub struct ServiceProcess {
    name: String,
    environment: Vec<(String, String)>,
    open_files: Option<u32>,
    dir: TempDir,
    process: Option<Child>,
}

/// A binary beside the running test, in `target/release`.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    test.ancestors()
        .skip(1)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is not built; run `cargo build --release` first"))
}

impl ServiceProcess {
    /// Starts a binary with these `DEVMENTOR__*` names and none else.
    pub fn spawn(name: &str, environment: Vec<(String, String)>) -> Self {
        Self::spawn_with(name, environment, None)
    }

    /// The same, with so many open files at most.
    pub(crate) fn spawn_with(
        name: &str,
        environment: Vec<(String, String)>,
        open_files: Option<u32>,
    ) -> Self {
        let mut service = Self {
            name: name.to_owned(),
            environment,
            open_files,
            dir: tempfile::tempdir().expect("a temporary directory"),
            process: None,
        };
        service.respawn();
        service
    }

    /// Starts it again as it was started; kills it before if it runs.
    pub fn respawn(&mut self) {
        self.kill();
        let mut command = self.command();
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("DEVMENTOR__") || INHERITED.contains(&&*text) {
                command.env_remove(&name);
            }
        }
        let process = command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(append_to(&self.log_path()))
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.name));
        self.process = Some(process);
    }

    fn command(&self) -> Command {
        let Some(open_files) = self.open_files else {
            return Command::new(binary(&self.name));
        };
        let mut command = Command::new("sh");
        let limited = format!("ulimit -n {open_files} && exec \"$0\"");
        command.args(["-c", &limited]).arg(binary(&self.name));
        command
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// What it wrote to stderr so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Waits until `/health/ready` of its ops port answers 200.
    pub async fn wait_ready(&mut self, ops_port: u16) {
        let url = format!("http://127.0.0.1:{ops_port}/health/ready");
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("an HTTP client");
        let what = format!("{} is ready", self.name);
        eventually(&what, PATIENCE, async || {
            if let Some(status) = self.exited() {
                panic!(
                    "{} ended with {status} before it was ready:\n{}",
                    self.name,
                    self.log_end()
                );
            }
            let answer = client
                .get(&url)
                .timeout(Duration::from_secs(1))
                .send()
                .await;
            match answer {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(answer.text().await.unwrap_or_default()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    /// Kills it (SIGKILL), as a crash would.
    pub fn kill(&mut self) {
        end(&mut self.process);
    }

    /// Asks it to stop (SIGTERM).
    pub fn terminate(&self) {
        if let Some(process) = &self.process {
            terminate(process);
        }
    }

    /// Waits until it has ended by itself.
    pub async fn wait(&mut self) -> ExitStatus {
        let what = format!("{} ends", self.name);
        eventually(&what, PATIENCE, async || self.exited().ok_or("it runs")).await
    }

    fn exited(&mut self) -> Option<ExitStatus> {
        let process = self.process.as_mut().expect("it was not killed");
        process.try_wait().expect("its state can be asked for")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

impl Drop for ServiceProcess {
    #[expect(
        clippy::print_stderr,
        reason = "whoever reads a failed test needs the log"
    )]
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!(
                "--- the end of the log of {}\n{}\n---",
                self.name,
                self.log_end()
            );
        }
    }
}

fn append_to(log: &Path) -> File {
    let file = OpenOptions::new().create(true).append(true).open(log);
    file.expect("a log can be written")
}

/// SIGKILL, and waits until it is gone.
pub(crate) fn end(process: &mut Option<Child>) {
    if let Some(mut process) = process.take() {
        // Both fail only for a process that has ended already.
        let _ = process.kill();
        let _ = process.wait();
    }
}

pub(crate) fn terminate(process: &Child) {
    // A process that has ended already cannot be signalled, which is as good.
    let _ = kill_process(Pid::from_child(process), Signal::TERM);
}
