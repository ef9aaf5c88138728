//! Whether a process is ready.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use anyhow::Context;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
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
    /// A Redis on this port.
    Redis {
        /// On 127.0.0.1.
        port: u16,
        /// What it asks for first.
        password: SecretString,
    },
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
        Probe::Redis { port, password } => answers_ping(*port, password).await,
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

/// One that still reads its files answers `-LOADING`.
async fn answers_ping(port: u16, password: &SecretString) -> bool {
    const GOOD: &[u8] = b"+OK\r\n+PONG\r\n";
    let password = password.expose_secret();
    let asked = format!(
        "*2\r\n$4\r\nAUTH\r\n${}\r\n{password}\r\n*1\r\n$4\r\nPING\r\n",
        password.len()
    );
    let answered = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(asked.as_bytes()).await?;
        let mut answer = [0; GOOD.len()];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    answered.await.is_ok_and(|answer| answer == GOOD)
}
