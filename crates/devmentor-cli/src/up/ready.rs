//! Whether a process is ready.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use anyhow::Context;
use reqwest::Client;
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

const ASK_EVERY: Duration = Duration::from_millis(50);
const LONGEST_ANSWER: Duration = Duration::from_secs(1);

/// How a process is asked.
#[derive(Clone)]
pub(super) enum Probe {
    /// `PING` on this port.
    Ping(u16),
    /// `/health/ready` at this URL.
    Http(String),
}

#[derive(Deserialize)]
struct Readiness {
    degraded: BTreeMap<String, String>,
}

/// Asks until it is ready and misses nothing of what is `started` beside it.
pub(super) async fn wait(probe: &Probe, started: &[&str]) -> anyhow::Result<()> {
    let client = Client::builder()
        .no_proxy()
        .build()
        .context("no HTTP client")?;
    let ready = async || match probe {
        Probe::Ping(port) => answers_ping(*port).await,
        Probe::Http(url) => {
            let missed = missed(&client, url).await;
            missed.is_some_and(|missed| !missed.iter().any(|name| started.contains(&name.as_str())))
        }
    };
    while !timeout(LONGEST_ANSWER, ready()).await.unwrap_or(false) {
        sleep(ASK_EVERY).await;
    }
    Ok(())
}

/// What a ready service does without; nothing for one that is not ready.
async fn missed(client: &Client, url: &str) -> Option<Vec<String>> {
    let answer = client.get(url).send().await.ok()?;
    let ready = answer.error_for_status().ok()?;
    let readiness: Readiness = ready.json().await.ok()?;
    Some(readiness.degraded.into_keys().collect())
}

/// A Redis with a password answers `-NOAUTH`, one that still reads its files `-LOADING`.
async fn answers_ping(port: u16) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    asked
        .await
        .is_ok_and(|answer| [*b"+PONG", *b"-NOAU"].contains(&answer))
}
