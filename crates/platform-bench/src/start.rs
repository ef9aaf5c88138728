//! From exec to ready, with both Redis up: the first time, when databases, keys and the first admin
//! are made, and again.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::ensure;
use test_kit::Platform;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::{
    ceiling::{Ceiling, Serve},
    memory::SERVICES,
    plan::Plan,
    report::{Expected, Figure, Report, Unit, progress},
};

/// How long a start may take.
const BUDGET_MS: f64 = 300.0;

/// How often readiness is asked for.
const EVERY: Duration = Duration::from_millis(2);

/// Longest wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let mut platform = Platform::start().await;
    let mut first = [const { Vec::new() }; SERVICES.len()];
    let mut again = [const { Vec::new() }; SERVICES.len()];
    let mut bare = Vec::new();
    for round in plan.rounds() {
        stop(&mut platform);
        empty(platform.data_dir())?;
        start_all(&mut platform, &mut first).await?;
        stop(&mut platform);
        start_all(&mut platform, &mut again).await?;
        let hello = Ceiling::start(|port| Serve::Hello { port }).await?;
        bare.push(millis(hello.started_in));
        progress(&format!("  round {round}"));
    }
    let figure = |name: String, rounds| Figure::median(name, Unit::Milliseconds, rounds);
    let bare = figure("actix hello, exec to listening".to_owned(), bare);
    let budget = Figure::budget(Unit::Milliseconds, BUDGET_MS);
    let mut report = Report::default();
    for ((service, first), again) in SERVICES.iter().zip(first).zip(again) {
        for (when, rounds) in [("first start", first), ("started again", again)] {
            let figure = figure(format!("{service}, {when}"), rounds);
            report.row(&figure, &budget, Some(Expected::RatioAtMost(1.0)));
            report.row(&figure, &bare, None);
        }
    }
    Ok(report)
}

fn stop(platform: &mut Platform) {
    for service in SERVICES {
        platform.kill(service);
    }
}

/// Removes what the services made.
fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => fs::remove_dir_all(&path)?,
            false => fs::remove_file(&path)?,
        }
    }
    Ok(())
}

/// Starts each service when those it needs are there.
async fn start_all(
    platform: &mut Platform,
    took: &mut [Vec<f64>; SERVICES.len()],
) -> anyhow::Result<()> {
    for (service, took) in SERVICES.iter().zip(took) {
        let port = platform.ops_port(service);
        let began = Instant::now();
        platform.service(service).respawn();
        while !is_ready(port).await {
            ensure!(began.elapsed() < PATIENCE, "{service} does not get ready");
            sleep(EVERY).await;
        }
        took.push(millis(began.elapsed()));
    }
    Ok(())
}

async fn is_ready(port: u16) -> bool {
    const REQUEST: &[u8] =
        b"GET /health/ready HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(REQUEST).await?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await?;
        io::Result::Ok(status)
    };
    asked.await.is_ok_and(|status| status.ends_with(b" 200"))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
