//! `GET /api/me`: the session check, hot. It costs no round trip, so the ceiling is actix with nothing,
//! on the same route. Beside it stands actix with one GET of the same session: what a check without a
//! client-side cache could be at best.

use anyhow::Context as _;
use redis_contracts::keys::SESSION;
use test_kit::{Person, Platform};

use crate::{
    ceiling::{Ceiling, Serve},
    load::{HttpConnection, get},
    plan::Plan,
    report::{Expected, Figure, Report, Unit, progress},
};

/// Connections, each with one request at a time.
const CONNECTIONS: usize = 64;

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let hello = Ceiling::start(|port| Serve::Hello { port }).await?;
    let (redis_url, key) = (platform.cache.url(), session_key(&person).await?);
    let one_get = Ceiling::start(|port| Serve::Get {
        port,
        redis_url,
        key,
    })
    .await?;

    let request = get("/api/me", &person.token);
    let mut loads = Vec::new();
    for port in [gateway_port(&platform)?, one_get.port, hello.port] {
        loads.push(HttpConnection::open_many(CONNECTIONS, port, &request, "200").await?);
    }
    for load in &mut loads {
        load.round(plan.round() / 2).await?; // warm
    }
    let mut rates = [const { Vec::new() }; 3];
    let mut p99s = [const { Vec::new() }; 3];
    for round in plan.rounds() {
        for (at, load) in loads.iter_mut().enumerate() {
            let sample = load.round(plan.round()).await?;
            rates[at].push(sample.rate);
            p99s[at].push(sample.percentile_ms(99.0));
        }
        progress(&format!("  round {round}"));
    }
    Ok(report(rates, p99s))
}

fn report(rates: [Vec<f64>; 3], p99s: [Vec<f64>; 3]) -> Report {
    const NAMES: [&str; 3] = ["GET /api/me", "actix + one GET", "actix hello"];
    let figures = |what: &str, unit, rounds: [Vec<f64>; 3]| {
        let mut names = NAMES.into_iter();
        rounds.map(|rounds| {
            let name = names.next().unwrap_or_default();
            Figure::median(format!("{name}{what}"), unit, rounds)
        })
    };
    let [me, one_get, hello] = figures("", Unit::PerSecond, rates);
    let mut report = Report::default();
    report.row(&me, &hello, Some(Expected::RatioAtLeast(0.8)));
    report.row(&me, &one_get, None);
    let [me, one_get, hello] = figures(", p99", Unit::Milliseconds, p99s);
    report.row(&me, &hello, None);
    report.row(&me, &one_get, None);
    report
}

/// The gateway's public port.
pub fn gateway_port(platform: &Platform) -> anyhow::Result<u16> {
    let port = platform.base_url().rsplit(':').next();
    Ok(port.context("a base URL with a port")?.parse()?)
}

async fn session_key(person: &Person) -> anyhow::Result<String> {
    let me = person.get("/api/me").await.expect(200);
    let id = me["session"]["id"].as_str().context("a session id")?;
    Ok(SESSION.key(id.parse()?).name().to_owned())
}
