//! Whether a process is ready.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::Context;
use reqwest::Client;
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
    /// 200 at this URL.
    Http(String),
}

/// Asks until it is ready.
pub(super) async fn wait(probe: &Probe) -> anyhow::Result<()> {
    let client = Client::builder()
        .no_proxy()
        .build()
        .context("no HTTP client")?;
    let ready = async || match probe {
        Probe::Ping(port) => answers_ping(*port).await,
        Probe::Http(url) => client
            .get(url)
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success()),
    };
    while !timeout(LONGEST_ANSWER, ready()).await.unwrap_or(false) {
        sleep(ASK_EVERY).await;
    }
    Ok(())
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
