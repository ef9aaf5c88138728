//! Children that do not outlive this process, whatever ends it.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    process::{ExitCode, Stdio},
};

use anyhow::Context;
use tokio::process::{Child, Command};

use super::plan::Process;

/// Starts a process in a process group of its own: Ctrl-C reaches only this one, which stops them in order.
pub(super) fn start(process: &Process) -> anyhow::Result<Child> {
    let mut command = wrapped(process)?;
    command
        .envs(&process.environment)
        .current_dir(&process.directory)
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
        .spawn()
        .with_context(|| format!("{} cannot be started", process.program.display()))
}

/// On Linux this executable starts first, asks to die with its parent, and becomes the program. It is
/// named by what runs, not by its path, where a newer build may lie by now.
#[cfg(target_os = "linux")]
fn wrapped(process: &Process) -> anyhow::Result<Command> {
    let mut command = Command::new("/proc/self/exe");
    command
        .arg("exec-child")
        .arg("--parent")
        .arg(std::process::id().to_string());
    command
        .arg("--")
        .arg(&process.program)
        .args(&process.arguments);
    Ok(command)
}

#[cfg(not(target_os = "linux"))]
fn wrapped(process: &Process) -> anyhow::Result<Command> {
    let mut command = Command::new(&process.program);
    command.args(&process.arguments);
    Ok(command)
}

/// Becomes `command`, which is killed when the process `parent` dies.
pub(crate) fn exec_child(parent: i32, command: &[OsString]) -> anyhow::Result<ExitCode> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before it was asked for.
        let alive = getppid().is_some_and(|pid| pid.as_raw_nonzero().get() == parent);
        anyhow::ensure!(alive, "the process that started this is gone");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    let (program, arguments) = command.split_first().context("no program is named")?;
    let error = std::process::Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("{} cannot be started", program.display()))
}
