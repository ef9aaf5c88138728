//! The ceilings: the same work with nothing of the platform around it. What serves is a process of
//! its own, as the platform's services are; it ends with whoever started it.

mod http;
mod redis;
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

pub use self::{redis::Xadd, sql::Commit};

/// Longest wait for a ceiling to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked for.
const EVERY: Duration = Duration::from_millis(2);

/// What a child process serves.
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
}

impl Serve {
    /// Serves until whoever started this process has gone.
    pub async fn run(self) -> anyhow::Result<()> {
        thread::spawn(|| {
            // Standard input ends with the parent, however that ends.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
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
        }
    }
}

/// A ceiling that serves, until dropped.
pub struct Ceiling {
    process: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// From exec until it listened.
    pub started_in: Duration,
}

impl Ceiling {
    /// Starts one and waits until it listens.
    pub async fn start(serve: impl FnOnce(u16) -> Serve) -> anyhow::Result<Self> {
        let port = free_port();
        let arguments = serve(port).arguments();
        let began = Instant::now();
        let process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut ceiling = Self {
            process,
            port,
            started_in: Duration::ZERO,
        };
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            ensure!(began.elapsed() < PATIENCE, "a ceiling does not listen");
            sleep(EVERY).await;
        }
        ceiling.started_in = began.elapsed();
        Ok(ceiling)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
