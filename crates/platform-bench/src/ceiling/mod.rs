//! The ceilings: the same work with nothing of the platform around it. What serves is a process of
//! its own, as the platform's services are; it ends with whoever started it.

mod consumers;
mod http;
mod redis;
mod relay;
mod sockets;
mod sql;

use std::{
    io,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use clap::Subcommand;
use test_kit::free_port;
use tokio::{net::TcpStream, time::sleep};

pub use self::{
    redis::Xadd,
    relay::RELAYED,
    sql::{Commit, CommitSession},
};

/// Longest wait for a ceiling to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked for.
const EVERY: Duration = Duration::from_millis(2);

/// What a child process does.
#[derive(Subcommand)]
#[command(hide = true)]
pub enum Serve {
    /// A bare actix hello
    #[command(name = "serve-hello", hide = true)]
    Hello {
        /// Port on loopback
        port: u16,
    },
    /// actix and one GET over a connection a worker
    #[command(name = "serve-get", hide = true)]
    Get {
        /// Port on loopback
        port: u16,
        /// Redis
        redis_url: String,
        /// What is read
        key: String,
    },
    /// A bare WebSocket server fed by one subscription
    #[command(name = "serve-sockets", hide = true)]
    Sockets {
        /// Port on loopback
        port: u16,
        /// Redis
        redis_url: String,
        /// What is subscribed
        channel: String,
    },
    /// A bare loop that reads a group's entries and acknowledges them
    #[command(name = "consume-bare", hide = true)]
    Consume {
        /// Redis
        redis_url: String,
    },
    /// A worker whose handler does nothing
    #[command(name = "consume-no-op", hide = true)]
    ConsumeNoOp {
        /// Redis
        redis_url: String,
    },
    /// A bare loop that publishes a group's entries
    #[command(name = "relay-bare", hide = true)]
    Relay {
        /// Redis
        redis_url: String,
        /// Where to
        channel: String,
    },
}

impl Serve {
    /// Goes on until whoever started this process has gone.
    pub async fn run(self) -> anyhow::Result<()> {
        thread::spawn(|| {
            // Standard input ends with the parent, however that ends.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            #[expect(clippy::disallowed_methods, reason = "there is nothing to drain")]
            std::process::exit(0);
        });
        match self {
            Self::Hello { port } => http::serve_hello(port).await,
            Self::Get {
                port,
                redis_url,
                key,
            } => http::serve_get(port, redis_url, key).await,
            Self::Sockets {
                port,
                redis_url,
                channel,
            } => sockets::serve(port, &redis_url, channel).await,
            Self::Consume { redis_url } => consumers::bare(&redis_url),
            Self::ConsumeNoOp { redis_url } => consumers::no_op(redis_url).await,
            Self::Relay { redis_url, channel } => relay::run(&redis_url, &channel),
        }
    }

    fn arguments(self) -> Vec<String> {
        let text = str::to_owned;
        match self {
            Self::Hello { port } => vec![text("serve-hello"), port.to_string()],
            Self::Get {
                port,
                redis_url,
                key,
            } => vec![text("serve-get"), port.to_string(), redis_url, key],
            Self::Sockets {
                port,
                redis_url,
                channel,
            } => vec![text("serve-sockets"), port.to_string(), redis_url, channel],
            Self::Consume { redis_url } => vec![text("consume-bare"), redis_url],
            Self::ConsumeNoOp { redis_url } => vec![text("consume-no-op"), redis_url],
            Self::Relay { redis_url, channel } => vec![text("relay-bare"), redis_url, channel],
        }
    }
}

/// A child process, until dropped.
pub struct Process(Child);

impl Process {
    /// Starts one.
    pub fn start(does: Serve) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(does.arguments());
        let process = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Ok(Self(process?))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A ceiling that serves, until dropped.
pub struct Ceiling {
    process: Process,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// From exec until it listened.
    pub started_in: Duration,
}

impl Ceiling {
    /// Starts one and waits until it listens.
    pub async fn start(serve: impl FnOnce(u16) -> Serve) -> anyhow::Result<Self> {
        let port = free_port();
        let serve = serve(port);
        let began = Instant::now();
        let process = Process::start(serve)?;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            ensure!(began.elapsed() < PATIENCE, "a ceiling does not listen");
            sleep(EVERY).await;
        }
        Ok(Self {
            process,
            port,
            started_in: began.elapsed(),
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}
