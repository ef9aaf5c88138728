//! Consuming a stream that is full: entries a second, and the processor time of the consumer and of
//! Redis. The ceiling is a bare loop of XREADGROUP and XACK. Each round has a Redis of its own, filled
//! before anyone consumes. Measured is from the first tenth of the entries to the last, so that no
//! start is in it.

use std::time::Duration;

use anyhow::ensure;
use uuid::Uuid;

use crate::{
    group::{Consumer, Kind, Ratings},
    plan::Plan,
    process::cpu_time,
    ratings::ratings,
    report::{Expected, Figure, Report, Unit, progress},
};

const ENTRIES: usize = 50_000;

const PEOPLE: usize = 50;

/// Processor time is told for so many entries.
const CPU_FOR: f64 = 100_000.0;

/// The share of the bare loop that the worker has to reach.
const SHARE: f64 = 1.0 / 3.0;

const KINDS: [(Kind, &str); 3] = [
    (Kind::Bare, "bare loop"),
    (Kind::NoOp, "worker, no-op"),
    (Kind::Profiles, "worker, profiles"),
];

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let people: Vec<_> = (0..PEOPLE).map(|_| Uuid::now_v7()).collect();
    let entries = ratings(&people, ENTRIES)?;
    let mut measured = KINDS.map(|_| Measured::default());
    for round in plan.rounds() {
        for ((kind, _), measured) in KINDS.iter().zip(&mut measured) {
            measured.add(&consume(*kind, &entries, &people).await?);
        }
        progress(&format!("  round {round}"));
    }
    Ok(report(measured))
}

struct Sample {
    entries: usize,
    took: Duration,
    consumer_cpu: Duration,
    redis_cpu: Duration,
}

async fn consume(kind: Kind, entries: &[String], people: &[Uuid]) -> anyhow::Result<Sample> {
    let mut ratings = Ratings::start().await?;
    ratings.append(entries).await?;
    let consumer = Consumer::start(kind, &ratings)?;
    let first = ratings.settled(ENTRIES / 10).await?;
    let cpu_before = cpu_time(consumer.pid())?;
    let last = ratings.settled(ENTRIES).await?;
    let sample = Sample {
        entries: last.settled - first.settled,
        took: last.at - first.at,
        consumer_cpu: cpu_time(consumer.pid())?.saturating_sub(cpu_before),
        redis_cpu: last.redis_cpu.saturating_sub(first.redis_cpu),
    };
    if matches!(kind, Kind::Profiles) {
        let counted = ratings.counted(people).await?;
        ensure!(counted == ENTRIES, "{counted} of {ENTRIES} ratings count");
    }
    Ok(sample)
}

#[derive(Default)]
struct Measured {
    rates: Vec<f64>,
    consumer_cpus: Vec<f64>,
    redis_cpus: Vec<f64>,
}

impl Measured {
    fn add(&mut self, sample: &Sample) {
        let entries = sample.entries as f64;
        let cpu = |time: Duration| time.as_secs_f64() * CPU_FOR / entries;
        self.rates.push(entries / sample.took.as_secs_f64());
        self.consumer_cpus.push(cpu(sample.consumer_cpu));
        self.redis_cpus.push(cpu(sample.redis_cpu));
    }

    fn figures(self, name: &str) -> [Figure; 3] {
        let cpu = |whose, rounds| {
            let name = format!("{name}, CPU of {whose} for 100,000");
            Figure::median(name, Unit::Seconds, rounds)
        };
        [
            Figure::median(name, Unit::PerSecond, self.rates),
            cpu("the consumer", self.consumer_cpus),
            cpu("Redis", self.redis_cpus),
        ]
    }
}

fn report([bare, no_op, profiles]: [Measured; KINDS.len()]) -> Report {
    let [bare_name, no_op_name, profiles_name] = KINDS.map(|(_, name)| name);
    let bare = bare.figures(bare_name);
    let share = [Some(Expected::RatioAtLeast(SHARE)), None, None];
    let mut report = Report::default();
    for (figures, expected) in [
        (profiles.figures(profiles_name), share),
        (no_op.figures(no_op_name), [None; 3]),
    ] {
        for ((figure, bare), expected) in figures.iter().zip(&bare).zip(expected) {
            report.row(figure, bare, expected);
        }
    }
    report
}
