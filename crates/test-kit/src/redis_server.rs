//! A real redis-server.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    PATIENCE, eventually, free_port,
    service_process::{end, terminate},
};

/// The flags of the two instances, as the platform starts them.
const CACHE: &[&str] = &[
    "--appendonly",
    "no",
    "--maxmemory",
    "64mb",
    "--maxmemory-policy",
    "volatile-ttl",
];
const STREAMS: &[&str] = &[
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--maxmemory-policy",
    "noeviction",
];

/// A redis-server on a free port with a directory of its own. The binary is `REDIS_SERVER`, else the
/// one on the `PATH`.
pub struct RedisServer {
    port: u16,
    dir: TempDir,
    flags: &'static [&'static str],
    process: Option<Child>,
}

impl RedisServer {
    /// A cache Redis.
    pub async fn cache() -> Self {
        Self::start(CACHE).await
    }

    /// A streams Redis: nothing it confirmed is lost.
    pub async fn streams() -> Self {
        Self::start(STREAMS).await
    }

    async fn start(flags: &'static [&'static str]) -> Self {
        let mut server = Self {
            port: free_port(),
            dir: tempfile::tempdir().expect("a temporary directory"),
            flags,
            process: None,
        };
        server.restart().await;
        server
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection to look at what it holds.
    pub async fn connect(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a Redis URL");
        // The default of 500 ms is too short for a busy test machine.
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        connection.await.expect("a connection to Redis")
    }

    /// Appends an event to a stream as anyone may (XADD); gives its ID.
    pub async fn append(&self, stream: &str, event: &str) -> String {
        let mut command = redis::cmd("XADD");
        command.arg(stream).arg("*").arg("event").arg(event);
        let mut connection = self.connect().await;
        command.query_async(&mut connection).await.expect("XADD")
    }

    /// Kills it (SIGKILL), as a crash would.
    pub fn kill(&mut self) {
        end(&mut self.process);
    }

    /// Stops it (SIGTERM): it ends in order.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            terminate(&process);
            eventually("redis-server ends", PATIENCE, async || {
                match process.try_wait() {
                    Ok(Some(_)) => Ok(()),
                    state => Err(format!("{state:?}")),
                }
            })
            .await;
        }
    }

    /// Starts it again on the same port with the same files; kills it before if it runs.
    pub async fn restart(&mut self) {
        self.kill();
        let binary = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let process = Command::new(&binary)
            .args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
            .arg("--port")
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(self.dir.path())
            .args(self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{binary} does not start: {error}"));
        self.process = Some(process);
        let port = self.port;
        eventually("redis-server answers", PATIENCE, async || ping(port).await).await;
    }

    /// Deletes all that it stored. It has to be down.
    pub fn wipe(&mut self) {
        assert!(self.process.is_none(), "stop or kill it first");
        for entry in std::fs::read_dir(self.dir.path())
            .expect("its directory")
            .flatten()
        {
            let path = entry.path();
            let removed = match path.is_dir() {
                true => std::fs::remove_dir_all(&path),
                false => std::fs::remove_file(&path),
            };
            removed.expect("its files can be removed");
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server that loads its file answers, but not with this.
async fn ping(port: u16) -> Result<(), String> {
    let answer = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer[..length]).into_owned())
    };
    let answer = tokio::time::timeout(Duration::from_secs(1), answer).await;
    match answer {
        Ok(Ok(text)) if text.starts_with("+PONG") => Ok(()),
        other => Err(format!("{other:?}")),
    }
}
