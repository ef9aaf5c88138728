//! What the time of an answer tells of an address: sign-ins and resets for one that is known and one that
//! is not, side by side. Beside each stands its counterpart; a ratio near 1 tells nothing.

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use test_kit::Platform;

use crate::{
    accounts::Account,
    load::{HttpConnection, Load, histogram, percentile_ms, post},
    me::gateway_port,
    plan::Plan,
    report::{Figure, Report, Unit, progress},
};

/// Wrong passwords that lock.
const FAILURES: usize = 5;

/// Each with its counterpart: path, body, status.
const PAIRS: usize = 3;

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let platform = Platform::start().await;
    let port = gateway_port(&platform)?;
    let (known, locked) = (
        Account::register(&platform).await?.email,
        Account::register(&platform).await?.email,
    );
    let (unknown, unknown_locked) = ("nobody@example.com", "locked@example.com");
    for email in [&locked, unknown_locked] {
        lock(port, email).await?;
    }
    let login = |email: &str| asked("/api/auth/login", &wrong(email, "the same wrong password"));
    let reset = |email: &str| asked("/api/auth/password-reset/request", &json!({"email": email}));
    let pairs: [[Kind; 2]; PAIRS] = [
        [
            ("sign-in, known address", login(&known), "401"),
            ("sign-in, unknown address", login(unknown), "401"),
        ],
        [
            ("sign-in, known and locked", login(&locked), "423"),
            ("sign-in, unknown and locked", login(unknown_locked), "423"),
        ],
        [
            ("reset, known address", reset(&known), "202"),
            ("reset, unknown address", reset(unknown), "202"),
        ],
    ];
    let mut measured = Vec::new();
    for [one, other] in pairs {
        measured.push([
            Measured::open(port, one).await?,
            Measured::open(port, other).await?,
        ]);
    }
    for round in plan.rounds() {
        for kind in measured.iter_mut().flatten() {
            kind.round(plan).await?;
        }
        progress(&format!("  round {round}"));
    }
    let mut report = Report::default();
    for [one, other] in measured {
        for percentile in [10.0, 50.0, 90.0] {
            report.row(&one.figure(percentile), &other.figure(percentile), None);
        }
    }
    Ok(report)
}

/// Its name, its request and the status it is answered with.
type Kind = (&'static str, Vec<u8>, &'static str);

struct Measured {
    name: &'static str,
    load: Load<HttpConnection>,
    rounds: Vec<Histogram<u64>>,
}

impl Measured {
    async fn open(port: u16, (name, request, status): Kind) -> anyhow::Result<Self> {
        let load = HttpConnection::open_many(1, port, &request, status).await?;
        Ok(Self {
            name,
            load,
            rounds: Vec::new(),
        })
    }

    async fn round(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let sample = self.load.round(plan.round()).await?;
        let mut took = histogram();
        took.add(&sample.took)?;
        self.rounds.push(took);
        Ok(())
    }

    fn figure(&self, percentile: f64) -> Figure {
        let name = format!("{}, p{percentile:.0}", self.name);
        let rounds = self.rounds.iter();
        let rounds = rounds.map(|took| percentile_ms(took, percentile));
        Figure::median(name, Unit::Milliseconds, rounds.collect())
    }
}

fn wrong(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

/// As nobody: the header that `post` writes is not looked at there.
fn asked(path: &str, body: &Value) -> Vec<u8> {
    post(path, "nobody", body)
}

async fn lock(port: u16, email: &str) -> anyhow::Result<()> {
    use crate::load::Step;
    for number in 0..FAILURES {
        let body = wrong(email, &format!("wrong password {number}"));
        let request = asked("/api/auth/login", &body);
        HttpConnection::open(port, request, "401")
            .await?
            .step()
            .await?;
    }
    Ok(())
}
