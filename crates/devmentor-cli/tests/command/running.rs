//! A `devmentor up` on ports of its own.

use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use test_kit::{PATIENCE, eventually};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

const STREAMS_PORT: u16 = 6380;
const GATEWAY_PORT: u16 = 8080;
/// All of a platform without an offset.
const PORTS: [u16; 12] = [
    6379,
    STREAMS_PORT,
    GATEWAY_PORT,
    8081,
    8082,
    8083,
    8084,
    8090,
    50051,
    50052,
    50053,
    50054,
];

/// What most tests start.
pub(crate) const BOTH_REDIS: &[&str] = &["--only", "redis-cache,redis-streams"];

const LOOK: Duration = Duration::from_millis(500);

/// The command, in a directory of this repository.
pub(crate) fn devmentor() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devmentor"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .kill_on_drop(true);
    command
}

/// It runs, and said that it is ready.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) offset: u16,
    data_dir: PathBuf,
}

impl Running {
    /// Starts both Redis and waits until they are ready.
    pub(crate) async fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, BOTH_REDIS).await
    }

    /// Starts what is asked for and waits until it is ready.
    pub(crate) async fn start_with(data_dir: &Path, arguments: &[&str]) -> Self {
        Self::start_set(data_dir, arguments, &[]).await
    }

    /// The same with these settings.
    pub(crate) async fn start_set(
        data_dir: &Path,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Self {
        let offset = free_offset();
        let mut child = Self::command(data_dir, offset, arguments)
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.expect("read") {
                if line.contains("ready") {
                    return;
                }
            }
            panic!("it ended before it was ready");
        };
        // Seven processes, beside those of other tests.
        timeout(3 * PATIENCE, ready).await.expect("ready in time");
        Self {
            child,
            offset,
            data_dir: data_dir.to_owned(),
        }
    }

    /// Another command on what it started.
    pub(crate) fn devmentor(&self, arguments: &[&str]) -> Command {
        let mut command = devmentor();
        command.arg("--data-dir").arg(&self.data_dir);
        command.arg("--port-offset").arg(self.offset.to_string());
        command.args(arguments);
        command
    }

    /// The password it made for a Redis.
    pub(crate) fn redis_password(&self, name: &str) -> String {
        let file = self.data_dir.join(format!("{name}-password"));
        fs::read_to_string(file).expect("a password")
    }

    pub(crate) fn command(data_dir: &Path, offset: u16, arguments: &[&str]) -> Command {
        let mut command = devmentor();
        command.args(["up", "--no-build"]).args(arguments);
        command.arg("--port-offset").arg(offset.to_string());
        command.arg("--data-dir").arg(data_dir);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.child.id().expect("it runs"), signal);
    }

    /// The process of the streams Redis, as it tells itself.
    pub(crate) async fn streams_process(&self) -> u32 {
        eventually("the streams Redis answers", PATIENCE, async || {
            self.ask_process()
        })
        .await
    }

    fn ask_process(&self) -> io::Result<u32> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, STREAMS_PORT + self.offset))?;
        stream.set_read_timeout(Some(LOOK))?;
        let password = self.redis_password("redis-streams");
        write!(stream, "AUTH {password}\r\nINFO server\r\nQUIT\r\n")?;
        let mut told = String::new();
        stream.read_to_string(&mut told)?;
        let process = told
            .lines()
            .find_map(|line| line.strip_prefix("process_id:"));
        process
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| io::Error::other(told))
    }

    /// The gateway's address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", GATEWAY_PORT + self.offset)
    }

    /// Waits until it has ended well, and nothing of it listens any more.
    pub(crate) async fn stopped(&mut self) {
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("in time");
        assert!(ended.expect("ended").success());
        Self::gone(self.offset).await;
    }

    /// Waits until nothing of it listens any more. Ports are not taken to see that: systems lend some of
    /// them to outgoing connections, such as those of another test, while nobody listens.
    pub(crate) async fn gone(offset: u16) {
        eventually("nobody listens", PATIENCE, async || {
            let mut ports = PORTS.iter().map(|port| port + offset);
            match ports.find(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok()) {
                Some(port) => Err(format!("{port} is listened on")),
                None => Ok(()),
            }
        })
        .await;
    }
}

pub(crate) fn kill(process: u32, signal: Signal) {
    let pid = Pid::from_raw(process.cast_signed()).expect("a process");
    kill_process(pid, signal).expect("it runs");
}

/// Offsets given out. They are so far apart, and so few, that no two platforms share a port, and
/// their ports stay below those of `test-kit`.
static GIVEN: AtomicU16 = AtomicU16::new(0);
const OFFSETS: u16 = 140;
const APART: u16 = 12;

/// An offset whose ports are free, given to one test alone.
fn free_offset() -> u16 {
    let start = u16::try_from(std::process::id() % u32::from(OFFSETS)).expect("small");
    let mut offsets = (0..OFFSETS).map(|_| {
        let step = GIVEN.fetch_add(1, Ordering::Relaxed);
        100 + (start + step) % OFFSETS * APART
    });
    offsets
        .find(|offset| listen(*offset).is_ok())
        .expect("an offset whose ports are free")
}

fn listen(offset: u16) -> io::Result<Vec<TcpListener>> {
    let listen = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port + offset));
    PORTS.iter().map(listen).collect()
}
