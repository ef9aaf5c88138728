//! Sign-ins a second, by each thread that hashes, beside the bare Argon2id of the same parameters on as
//! many threads: everything else a sign-in does should not show.

use std::{
    num::NonZero,
    thread,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use test_kit::Platform;
use tokio::task::JoinSet;

use crate::{
    accounts::{Account, SigningIn},
    load::Load,
    plan::Plan,
    report::{Figure, Report, Unit, progress},
};

/// OWASP's, as auth-service has them.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// Sign-ins at the same time for each thread: none has to look for work, and few wait.
const EACH: usize = 4;

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let threads = hashing_threads();
    let platform = Platform::start().await;
    let account = Account::register(&platform).await?;
    let workers = std::iter::repeat_with(|| SigningIn(account.clone()));
    let mut signing_in = Load::new(workers.take(threads * EACH).collect());
    signing_in.round(plan.round() / 2).await?; // warm
    let (mut sign_ins, mut hashes, mut took) = (Vec::new(), Vec::new(), Vec::new());
    let each = 1.0 / threads as f64;
    for round in plan.rounds() {
        let sample = signing_in.round(plan.round()).await?;
        sign_ins.push(sample.rate * each);
        took.push(sample.percentile_ms(50.0));
        hashes.push(bare(threads, plan.round()).await? * each);
        progress(&format!("  round {round}"));
    }
    let one = hashes.iter().map(|rate| 1000.0 / rate).collect();
    let rate = |name: &str, rounds| Figure::median(name, Unit::PerSecond, rounds);
    let ms = |name: &str, rounds| Figure::median(name, Unit::Milliseconds, rounds);
    let mut report = Report::default();
    report.row(
        &rate("sign-ins, a hashing core", sign_ins),
        &rate("bare Argon2id, a core", hashes),
        None,
    );
    report.row(
        &ms("sign-in, 4 a core, p50", took),
        &ms("bare Argon2id, one", one),
        None,
    );
    Ok(report)
}

/// One fewer than cores, as auth-service has.
fn hashing_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    cores.saturating_sub(1).max(1)
}

/// Hashes a second on so many threads.
async fn bare(threads: usize, length: Duration) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..threads {
        running.spawn_blocking(move || hash_until(began + length));
    }
    let mut hashed = 0;
    while let Some(count) = running.join_next().await {
        hashed += count??;
    }
    Ok(f64::from(hashed) / began.elapsed().as_secs_f64())
}

fn hash_until(until: Instant) -> anyhow::Result<u32> {
    let failed = |error| anyhow::anyhow!("Argon2id: {error}");
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(failed)?;
    let mut memory = vec![Block::new(); params.block_count()];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hashed = 0;
    while Instant::now() < until {
        let (salt, mut output) = ([7; 16], [0; 32]);
        argon
            .hash_password_into_with_memory(b"correct horse", &salt, &mut output, &mut memory)
            .map_err(failed)?;
        hashed += 1;
    }
    Ok(hashed)
}
