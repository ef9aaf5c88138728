//! An attack from its calm beginning to its line in the table.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::json;
use test_kit::{Platform, PlatformBuilder};
use tokio::sync::{Mutex, MutexGuard};

use crate::bystander::{Bystander, Seen};

/// Whatever is said of times: a bystander notices nothing below this.
const UNNOTICED: Duration = Duration::from_millis(50);

/// Calm is watched for so long before an attack.
const CALM: Duration = Duration::from_millis(1500);

/// One attack at a time: what the bystander sees is its doing.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// An attack on a platform of its own, beside a bystander.
pub(crate) struct Abuse {
    name: &'static str,
    pub(crate) platform: Platform,
    bystander: Bystander,
    calm: Seen,
    _turn: MutexGuard<'static, ()>,
}

impl Abuse {
    /// On a platform with default settings, but for the rates: all here come from one address.
    pub(crate) async fn begin(name: &'static str) -> Self {
        Self::begin_on(name, Platform::builder()).await
    }

    /// On such a platform.
    pub(crate) async fn begin_on(name: &'static str, platform: PlatformBuilder) -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        let platform = platform.start().await;
        Self::on(name, platform, turn).await
    }

    async fn on(name: &'static str, platform: Platform, turn: MutexGuard<'static, ()>) -> Self {
        let bystander = Bystander::start(&platform).await;
        Self {
            name,
            calm: bystander.watch(CALM).await,
            platform,
            bystander,
            _turn: turn,
        }
    }

    /// How long an attack lasts: some seconds, or what `make abuse` says.
    pub(crate) fn lasts(&self) -> Duration {
        let told = std::env::var("ABUSE_SECONDS").ok();
        let seconds = told.and_then(|text| text.parse().ok());
        Duration::from_secs(seconds.unwrap_or(4))
    }

    /// The attack begins now.
    pub(crate) fn strike(&self) {
        self.bystander.take();
    }

    /// Memory of a service that is in use, in bytes (VmRSS).
    pub(crate) fn resident(&mut self, service: &str) -> u64 {
        let pid = self.platform.service(service).pid().expect("it runs");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.expect("a number of KiB") * 1024
    }

    /// Descriptors that a service has open.
    pub(crate) fn open_files(&mut self, service: &str) -> usize {
        let pid = self.platform.service(service).pid().expect("it runs");
        let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process");
        open.count()
    }

    /// Connections of the gateway that gave way so far, or were refused.
    pub(crate) async fn made_room(&self) -> u64 {
        let counted = self.counted("devmentor_http_connections_made_room_total");
        counted.await.unwrap_or_default()
    }

    /// Connections that the gateway has open.
    pub(crate) async fn connections(&self) -> u64 {
        let counted = self.counted("devmentor_http_connections ");
        counted.await.expect("a metric that is always there")
    }

    /// The sum of a metric of the gateway; `None` while it has counted nothing.
    async fn counted(&self, metric: &str) -> Option<u64> {
        let port = self.platform.ops_port("ui-gateway");
        let answer = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await;
        let text = answer.expect("an answer").text().await.expect("a text");
        let lines = text.lines().filter(|line| line.starts_with(metric));
        let values = lines.map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        values.reduce(|one, another| Some(one? + another?))?
    }

    /// The attack is over: writes its line, and fails when the bystander has noticed.
    pub(crate) async fn end(self, cost: &str) {
        let during = self.bystander.end().await;
        let (calm, attacked) = (self.calm.p99(), during.p99());
        let bound = UNNOTICED.max(3 * calm);
        let line = json!({
            "attack": self.name,
            "cost": cost,
            "rounds": during.rounds(),
            "failed": during.failures.len(),
            "calm_p99_ms": millis(calm),
            "p99_ms": millis(attacked),
            "bound_ms": millis(bound),
        });
        if let Some(folder) = std::env::var_os("ABUSE_REPORT") {
            let file = PathBuf::from(folder).join(format!("{}.json", self.name));
            fs::write(file, line.to_string()).expect("a line of the report");
            assert!(attacked <= bound, "the bystander has noticed: {line}");
        }
        assert!(during.rounds() > 0, "the bystander did nothing");
        assert!(
            during.failures.is_empty(),
            "the bystander has noticed: {:?}",
            during.failures
        );
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
