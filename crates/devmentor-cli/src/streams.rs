//! `devmentor streams`: what the streams hold, and what still waits in them.

use std::{process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{output, source::Source};

/// Entries that wait longer than this are not being consumed.
const LATE_SECONDS: f64 = 60.0;

/// How often `--watch` looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

const HEAD: [&str; 10] = [
    "stream",
    "length",
    "bytes",
    "dead letters",
    "group",
    "lag",
    "lag s",
    "pending",
    "oldest s",
    "consumers",
];

/// All streams with a fixed name.
#[derive(Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) streams: Vec<Stream>,
}

/// One stream.
#[derive(Deserialize, Serialize)]
pub(crate) struct Stream {
    pub(crate) stream: String,
    length: u64,
    bytes: u64,
    pub(crate) dead_letters: u64,
    groups: Vec<Group>,
}

#[derive(Deserialize, Serialize)]
struct Group {
    group: String,
    lag: u64,
    lag_seconds: f64,
    pending: u64,
    oldest_pending_seconds: f64,
    consumers: u64,
}

/// All streams and their groups; exit 1 when one of those is late or has no consumer.
pub(crate) async fn list(source: &Source, as_json: bool) -> anyhow::Result<ExitCode> {
    let report = source.report().await?;
    if as_json {
        output::document(&serde_json::to_value(&report)?);
    } else {
        output::answer(&report.table());
    }
    let faults = report.faults();
    for fault in &faults {
        output::tell(fault);
    }
    Ok(ExitCode::from(u8::from(!faults.is_empty())))
}

/// The same again and again, also while the platform or its Redis is away in between.
pub(crate) async fn watch(source: &Source) -> anyhow::Result<ExitCode> {
    let mut seen = Ok(source.report().await?);
    loop {
        let shown = seen.map_or_else(
            |error| format!("{error:#}"),
            |report| [vec![report.table()], report.faults()].concat().join("\n"),
        );
        output::page(&shown);
        tokio::time::sleep(LOOK_EVERY).await;
        seen = source.report().await;
    }
}

impl Report {
    fn table(&self) -> String {
        let rows: Vec<_> = self.streams.iter().flat_map(Stream::rows).collect();
        output::table(HEAD, &rows)
    }

    /// Groups that are late or have no consumer.
    pub(crate) fn faults(&self) -> Vec<String> {
        let groups = self
            .streams
            .iter()
            .flat_map(|of| of.groups.iter().map(move |group| (&of.stream, group)));
        groups
            .filter_map(|(stream, group)| Some(format!("{stream}: {}", group.fault()?)))
            .collect()
    }
}

impl Stream {
    /// One a group, or one.
    fn rows(&self) -> Vec<[String; 10]> {
        let numbers = [self.length, self.bytes, self.dead_letters].map(|number| number.to_string());
        let row = |group: [String; 6]| {
            let [length, bytes, dead_letters] = numbers.clone();
            let [name, lag, lag_seconds, pending, oldest, consumers] = group;
            [
                self.stream.clone(),
                length,
                bytes,
                dead_letters,
                name,
                lag,
                lag_seconds,
                pending,
                oldest,
                consumers,
            ]
        };
        if self.groups.is_empty() {
            return vec![row(["-"; 6].map(str::to_owned))];
        }
        self.groups.iter().map(|group| row(group.cells())).collect()
    }
}

impl Group {
    fn cells(&self) -> [String; 6] {
        [
            self.group.clone(),
            self.lag.to_string(),
            format!("{:.1}", self.lag_seconds),
            self.pending.to_string(),
            format!("{:.1}", self.oldest_pending_seconds),
            self.consumers.to_string(),
        ]
    }

    fn fault(&self) -> Option<String> {
        let group = &self.group;
        if self.consumers == 0 {
            return Some(format!("{group} has no consumer"));
        }
        let oldest = self.lag_seconds.max(self.oldest_pending_seconds);
        (oldest > LATE_SECONDS).then(|| format!("{group} is {oldest:.0} s behind"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn group(consumers: u64, lag_seconds: f64, oldest_pending_seconds: f64) -> Value {
        json!({"group": "g", "lag": 1, "lag_seconds": lag_seconds, "pending": 0,
               "oldest_pending_seconds": oldest_pending_seconds, "consumers": consumers})
    }

    fn report(groups: &[Value]) -> Report {
        let streams = json!([
            {"stream": "a", "length": 2, "bytes": 10, "dead_letters": 0, "groups": []},
            {"stream": "b", "length": 3, "bytes": 20, "dead_letters": 1, "groups": groups},
        ]);
        serde_json::from_value(json!({ "streams": streams })).expect("a report")
    }

    #[test]
    fn a_stream_has_a_row_for_each_group_or_one() {
        let table = report(&[group(1, 0.5, 0.0), group(2, 0.0, 1.0)]).table();
        let lines: Vec<Vec<_>> = table
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines,
            [
                ["a", "2", "10", "0", "-", "-", "-", "-", "-", "-"],
                ["b", "3", "20", "1", "g", "1", "0.5", "0", "0.0", "1"],
                ["b", "3", "20", "1", "g", "1", "0.0", "0", "1.0", "2"],
            ]
        );
    }

    #[test]
    fn a_group_that_nobody_reads_or_that_is_late_is_a_fault() {
        assert!(report(&[group(1, 59.0, 60.0)]).faults().is_empty());
        let faults = report(&[group(0, 0.0, 0.0), group(1, 61.0, 0.0), group(1, 0.0, 62.0)]);
        assert_eq!(
            faults.faults(),
            [
                "b: g has no consumer",
                "b: g is 61 s behind",
                "b: g is 62 s behind"
            ]
        );
    }
}
