//! A real PostgreSQL.

use std::{
    fs::{self, File},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{PATIENCE, eventually, free_port, service_process::end};

const ROLE: &str = "devmentor";

/// Little memory, many connections, and nothing but the port: it confirms what is on the disk.
const FLAGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "shared_buffers=16MB",
    "fsync=on",
    "synchronous_commit=on",
];

/// Ends a server and removes its files once its own stdin ends, which it does with the process that
/// holds the other end, however that dies. Its arguments are the server's id and folder.
const GUARD: &str = r#"trap "" INT TERM HUP
cat >/dev/null
kill -QUIT "$1" 2>/dev/null
tries=0
while [ $tries -lt 50 ] && kill -0 "$1" 2>/dev/null; do tries=$((tries + 1)); sleep 0.1; done
rm -rf "$2""#;

/// A PostgreSQL on a free port with a folder of its own. Its programs are in `POSTGRES_BIN`, else on
/// the `PATH`, else where Debian puts them. It refuses to be root, and is then another user, who has
/// to be able to reach the temporary folder.
pub struct Postgres {
    port: u16,
    dir: TempDir,
    process: Option<Child>,
    guard: Option<Child>,
    databases: AtomicU32,
}

impl Postgres {
    /// One of its own.
    pub async fn start() -> Self {
        let mut server = Self {
            port: free_port(),
            dir: tempfile::tempdir().expect("a temporary directory"),
            process: None,
            guard: None,
            databases: AtomicU32::new(0),
        };
        server.initialize();
        server.respawn().await;
        server
    }

    /// The one that all tests of this process share. It ends with the process.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `postgres://devmentor@127.0.0.1:<port>/<database>`
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database of this name, in small letters, digits and `_`; gives its URL.
    pub async fn create_database(&self, name: &str) -> String {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        assert!(name.bytes().all(plain), "no name of a database: {name}");
        let mut admin = self.connect("postgres").await.expect("a connection");
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE \"{name}\"")))
            .execute(&mut admin)
            .await
            .expect("a database");
        self.url(name)
    }

    /// Makes an empty database that nobody else has; gives its URL.
    pub async fn fresh_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        self.create_database(&format!("fresh_{number}")).await
    }

    /// A connection to look at what it holds.
    pub async fn connect(&self, database: &str) -> sqlx::Result<PgConnection> {
        PgConnection::connect(&self.url(database)).await
    }

    /// Kills it (SIGKILL), as a crash would.
    pub fn kill(&mut self) {
        end(&mut self.guard);
        end(&mut self.process);
    }

    /// Starts it again on the same port with the same files; kills it before if it runs.
    pub async fn respawn(&mut self) {
        self.kill();
        eventually("PostgreSQL answers", PATIENCE, async || {
            // It refuses to start while a process of the one that was killed is still ending.
            if self.has_ended() {
                self.spawn();
            }
            let answered = self.connect("postgres").await;
            answered.map_err(|error| format!("{error}\n{}", self.log()))
        })
        .await;
    }

    fn initialize(&self) {
        if let Some((uid, gid)) = other_user() {
            chown(self.dir.path(), Some(uid), Some(gid)).expect("the folder can be given away");
        }
        // What is not synced here is synced at the first start.
        let made = self
            .command("initdb")
            .args(["--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--no-sync", "--username", ROLE, "--pgdata"])
            .arg(self.data())
            .output()
            .unwrap_or_else(|error| panic!("initdb does not start: {error}"));
        let told = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb failed: {told}");
    }

    fn spawn(&mut self) {
        end(&mut self.guard);
        let log = File::create(self.dir.path().join("log")).expect("a log can be written");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        command.arg("-p").arg(self.port.to_string());
        for flag in FLAGS {
            command.arg("-c").arg(flag);
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("postgres does not start: {error}"));
        self.guard = Some(guard(&process, self.dir.path()));
        self.process = Some(process);
    }

    fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|process| {
            let state = process.try_wait().expect("its state can be asked for");
            state.is_some()
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(find(program));
        command.current_dir(self.dir.path());
        if let Some((uid, gid)) = other_user() {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        end(&mut self.guard);
        if let Some(mut process) = self.process.take() {
            // SIGQUIT, so that it takes its own processes along. Both fail only for one that has
            // ended already.
            let _ = kill_process(Pid::from_child(&process), Signal::QUIT);
            let _ = process.wait();
        }
    }
}

fn guard(server: &Child, dir: &Path) -> Child {
    Command::new("sh")
        .args(["-c", GUARD, "guard"])
        .arg(server.id().to_string())
        .arg(dir)
        // Held by this process alone and never written to.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh starts")
}

fn find(program: &str) -> PathBuf {
    let given = std::env::var_os("POSTGRES_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = given
        .into_iter()
        .chain(std::env::split_paths(&path))
        .chain(debian());
    places
        .map(|place| place.join(program))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| {
            panic!("{program} is not there: install PostgreSQL, or set POSTGRES_BIN")
        })
}

/// `/usr/lib/postgresql/<version>/bin`, the newest first.
fn debian() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by(|one, other| other.cmp(one));
    versions.into_iter().map(|(_, place)| place).collect()
}

/// Who it is instead of root: user and group.
fn other_user() -> Option<(u32, u32)> {
    geteuid().is_root().then(|| {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| ids(&users, name))
            .expect("root needs a user `postgres` or `nobody` for PostgreSQL")
    })
}

fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2).map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}
