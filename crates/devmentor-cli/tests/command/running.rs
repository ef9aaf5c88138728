//! A `devmentor up` that runs both Redis on ports of its own.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
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

const CACHE_PORT: u16 = 6379;
const STREAMS_PORT: u16 = 6380;
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
}

impl Running {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start(data_dir: &Path) -> Self {
        let offset = free_offset();
        let mut child = Self::command(data_dir, offset)
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let first = timeout(PATIENCE, lines.next_line())
            .await
            .expect("ready in time");
        assert_eq!(
            first.expect("read").as_deref(),
            Some("All is ready. Ctrl-C stops it.")
        );
        Self { child, offset }
    }

    pub(crate) fn command(data_dir: &Path, offset: u16) -> Command {
        let mut command = devmentor();
        command.args([
            "up",
            "--no-build",
            "--only",
            "redis-cache,redis-streams",
            "--port-offset",
        ]);
        command
            .arg(offset.to_string())
            .arg("--data-dir")
            .arg(data_dir);
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
        stream.write_all(b"INFO server\r\nQUIT\r\n")?;
        let mut told = String::new();
        stream.read_to_string(&mut told)?;
        let process = told
            .lines()
            .find_map(|line| line.strip_prefix("process_id:"));
        process
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| io::Error::other(told))
    }

    /// Waits until it has ended well, and nothing of it listens any more.
    pub(crate) async fn stopped(&mut self) {
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("in time");
        assert!(ended.expect("ended").success());
        Self::gone(self.offset).await;
    }

    /// Waits until nothing of it listens any more.
    pub(crate) async fn gone(offset: u16) {
        eventually("both ports are free", PATIENCE, async || {
            listen(offset).map(drop)
        })
        .await;
    }
}

pub(crate) fn kill(process: u32, signal: Signal) {
    let pid = Pid::from_raw(process.cast_signed()).expect("a process");
    kill_process(pid, signal).expect("it runs");
}

/// Offsets given out; each two ports apart.
static GIVEN: AtomicU16 = AtomicU16::new(0);
const OFFSETS: u16 = 1700;

/// An offset whose ports are free, given to one test alone. They stay below those of `test-kit`.
fn free_offset() -> u16 {
    let start = u16::try_from(std::process::id() % u32::from(OFFSETS)).expect("small");
    let mut offsets = (0..OFFSETS).map(|_| {
        let step = GIVEN.fetch_add(1, Ordering::Relaxed);
        100 + (start + step) % OFFSETS * 2
    });
    offsets
        .find(|offset| listen(*offset).is_ok())
        .expect("two free ports")
}

fn listen(offset: u16) -> io::Result<[TcpListener; 2]> {
    let listen = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port + offset));
    Ok([listen(CACHE_PORT)?, listen(STREAMS_PORT)?])
}
