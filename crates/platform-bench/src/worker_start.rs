//! The worker alone: from exec until the first rating counts, which was there before, and its memory
//! once nothing is left to do. The ceiling of the start is a bare loop that acknowledges.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    group::{Consumer, Kind, Ratings},
    plan::Plan,
    process::Memory,
    ratings::ratings,
    report::{Expected, Figure, Report, Unit, progress},
};

/// From exec to the first entry.
const START_MS: f64 = 300.0;

/// What it may take, idle.
const IDLE_MB: f64 = 20.0;

/// Time after the last entry when memory is looked at.
const SETTLING: Duration = Duration::from_secs(1);

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let (mut worker, mut bare) = (Measured::default(), Measured::default());
    for round in plan.rounds() {
        worker.add(Kind::Profiles).await?;
        bare.add(Kind::Bare).await?;
        progress(&format!("  round {round}"));
    }
    let [worker_start, worker_idle] = worker.figures("worker alone");
    let [bare_start, bare_idle] = bare.figures("bare loop");
    let in_budget = Some(Expected::RatioAtMost(1.0));
    let mut report = Report::default();
    let budget = Figure::budget(Unit::Milliseconds, START_MS);
    report.row(&worker_start, &budget, in_budget);
    report.row(&worker_start, &bare_start, None);
    let budget = Figure::budget(Unit::Megabytes, IDLE_MB);
    report.row(&worker_idle, &budget, in_budget);
    report.row(&worker_idle, &bare_idle, None);
    Ok(report)
}

#[derive(Default)]
struct Measured {
    starts_ms: Vec<f64>,
    idles_mb: Vec<f64>,
}

impl Measured {
    async fn add(&mut self, kind: Kind) -> anyhow::Result<()> {
        let mut stream = Ratings::start().await?;
        stream.append(&ratings(&[Uuid::now_v7()], 1)?).await?;
        let began = Instant::now();
        let consumer = Consumer::start(kind, &stream)?;
        let first = stream.settled(1).await?;
        self.starts_ms
            .push((first.at - began).as_secs_f64() * 1000.0);
        sleep(SETTLING).await;
        self.idles_mb.push(Memory::of(consumer.pid())?.resident_mb);
        Ok(())
    }

    fn figures(self, name: &str) -> [Figure; 2] {
        let start = format!("{name}, exec to first entry");
        [
            Figure::median(start, Unit::Milliseconds, self.starts_ms),
            Figure::median(format!("{name}, idle"), Unit::Megabytes, self.idles_mb),
        ]
    }
}
