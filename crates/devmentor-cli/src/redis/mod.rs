//! `devmentor redis`: redis-cli on a Redis that `devmentor up` started, with its password.

pub(crate) mod password;
pub(crate) mod users;

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, ErrorKind, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitCode, Stdio},
};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use service_kit::config;

use crate::{
    arguments::{Global, RedisOptions},
    manifest::{Manifest, RedisEntry},
    output,
};

use self::{
    password::Password,
    users::{READER, WRITER},
};

const PROGRAM: &str = "redis-cli";
const MISSING: &str =
    "redis-cli is not found; install it (apt install redis-tools, brew install redis)";

/// Begins the answer of a Redis whose user may not do what was asked.
const NOT_PERMITTED: &[u8] = b"NOPERM";

const READS: &str =
    "This user only reads, and runs nothing dangerous. To write, put --write before the command.";

/// Runs a command, or becomes a prompt. The exit code is redis-cli's.
pub(crate) fn run(global: &Global, options: &RedisOptions) -> anyhow::Result<ExitCode> {
    let (manifest, root) = Manifest::find(global.port_offset)?;
    let entry = manifest.redis_of(options.instance)?;
    let of_service = manifest.services.last();
    let of_service = of_service.context("the manifest has no service")?;
    let settings = of_service.settings(&root, &config::process_environment())?;
    let password = Password::kept(entry, &settings, &global.data_dir)?;
    let user = if options.write { WRITER } else { READER };
    let mut command = redis_cli(entry, user, &password);
    if global.json {
        command.arg("--json");
    }
    match options.arguments.as_slice() {
        [] => prompt(command, options.write),
        arguments => once(command, arguments, options.write),
    }
}

fn redis_cli(entry: &RedisEntry, user: &str, password: &SecretString) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(["-h", "127.0.0.1", "-p"])
        .arg(entry.port.to_string())
        .args(["--user", user])
        // Arguments are seen by everybody who lists processes.
        .env("REDISCLI_AUTH", password.expose_secret());
    command
}

fn prompt(mut command: Command, may_write: bool) -> anyhow::Result<ExitCode> {
    if !may_write {
        output::tell(READS);
    }
    Err(not_started(command.exec()))
}

/// A refused command is an exit code as well (`-e`), and told on stderr.
fn once(mut command: Command, arguments: &[OsString], may_write: bool) -> anyhow::Result<ExitCode> {
    command.arg("-e").args(arguments).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(not_started)?;
    let refused = pass_on(&mut child)?;
    let status = child.wait().context(PROGRAM)?;
    if refused && !may_write {
        output::tell(READS);
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What it writes to stderr, as it comes; whether the user was not permitted to do something.
fn pass_on(child: &mut Child) -> anyhow::Result<bool> {
    let mut refused = false;
    let Some(pipe) = child.stderr.take() else {
        return Ok(refused);
    };
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).context(PROGRAM)? > 0 {
        refused |= line.starts_with(NOT_PERMITTED);
        drop(io::stderr().write_all(&line));
        line.clear();
    }
    Ok(refused)
}

fn not_started(error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!(MISSING),
        _ => anyhow::Error::new(error).context(PROGRAM),
    }
}
