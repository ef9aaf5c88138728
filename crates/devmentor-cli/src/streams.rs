//! `devmentor streams` and `devmentor dlq`: what waits in the streams, and what no consumer could take.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::Api,
    arguments::DlqCommand,
    output::{self, Usage},
};

/// Entries that wait longer than this are not being consumed.
const LATE_SECONDS: f64 = 60.0;

/// How often `--watch` looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

const PATH: &str = "/api/admin/streams";

#[derive(Deserialize)]
struct Report {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    stream: String,
    length: u64,
    bytes: u64,
    dead_letters: u64,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    group: String,
    lag: u64,
    lag_seconds: f64,
    pending: u64,
    oldest_pending_seconds: f64,
    consumers: u64,
}

impl Group {
    fn is_late(&self) -> bool {
        self.consumers == 0
            || self.lag_seconds > LATE_SECONDS
            || self.oldest_pending_seconds > LATE_SECONDS
    }
}

/// All streams and their groups; exit 1 when a group is late or has no consumer.
pub(crate) async fn list(api: &Api, watch: bool, as_json: bool) -> anyhow::Result<ExitCode> {
    loop {
        let told: Value = api.fetch(api.request(Method::GET, PATH).await?).await?;
        let report: Report =
            Deserialize::deserialize(&told).context("another answer than expected")?;
        if as_json {
            output::document(&told);
        } else {
            output::answer(&table(&report));
        }
        if !watch {
            let late = report
                .streams
                .iter()
                .flat_map(|of| &of.groups)
                .any(Group::is_late);
            return Ok(ExitCode::from(u8::from(late)));
        }
        output::answer("");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn table(report: &Report) -> String {
    let head = [
        "stream",
        "length",
        "bytes",
        "dead",
        "group",
        "lag",
        "lag s",
        "pending",
        "oldest s",
        "consumers",
    ];
    let rows = report.streams.iter().flat_map(|of| {
        let groups = of.groups.iter().map(|group| {
            [
                group.group.clone(),
                group.lag.to_string(),
                format!("{:.1}", group.lag_seconds),
                group.pending.to_string(),
                format!("{:.1}", group.oldest_pending_seconds),
                group.consumers.to_string(),
            ]
        });
        let mut groups: Vec<_> = groups.collect();
        if groups.is_empty() {
            groups.push(["-"; 6].map(str::to_owned));
        }
        groups
            .into_iter()
            .map(|[group, lag, lag_seconds, pending, oldest, consumers]| {
                let [length, bytes, dead] =
                    [of.length, of.bytes, of.dead_letters].map(|number| number.to_string());
                [
                    of.stream.clone(),
                    length,
                    bytes,
                    dead,
                    group,
                    lag,
                    lag_seconds,
                    pending,
                    oldest,
                    consumers,
                ]
            })
    });
    output::table(head, &rows.collect::<Vec<_>>())
}

/// Dead letters of one stream or of all.
pub(crate) async fn dead_letters(
    api: &Api,
    command: DlqCommand,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    match command {
        DlqCommand::List { stream } => list_dead(api, stream, as_json).await,
        DlqCommand::Show { stream, id } => show_dead(api, &stream, &id, as_json).await,
    }
}

async fn list_dead(api: &Api, stream: Option<String>, as_json: bool) -> anyhow::Result<ExitCode> {
    let streams = match stream {
        Some(stream) => vec![stream],
        None => {
            let report: Report = api.fetch(api.request(Method::GET, PATH).await?).await?;
            let with_some = report.streams.into_iter().filter(|of| of.dead_letters > 0);
            with_some.map(|of| of.stream).collect()
        }
    };
    let mut letters = Vec::new();
    for stream in &streams {
        api.pages::<Value>(&path(stream), |page| {
            letters.extend(page);
            false
        })
        .await?;
    }
    if as_json {
        output::document(&json!({ "items": letters }));
    } else {
        let text =
            |letter: &Value, name: &str| letter[name].as_str().unwrap_or_default().to_owned();
        let rows: Vec<_> = letters
            .iter()
            .map(|letter| {
                ["source_stream", "id", "failed_at", "error"].map(|name| text(letter, name))
            })
            .collect();
        output::answer(&output::table(
            ["stream", "id", "failed at", "error"],
            &rows,
        ));
    }
    Ok(ExitCode::from(u8::from(!letters.is_empty())))
}

async fn show_dead(api: &Api, stream: &str, id: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut found = None;
    api.pages::<Value>(&path(stream), |page| {
        found = page.into_iter().find(|letter| letter["id"] == id);
        found.is_some()
    })
    .await?;
    let unknown = || {
        Usage(format!(
            "{stream} has no dead letter {id}; `devmentor dlq list` shows them"
        ))
    };
    let letter = found.with_context(unknown)?;
    if as_json {
        output::document(&letter);
    } else {
        for name in [
            "id",
            "source_stream",
            "source_id",
            "group",
            "error",
            "attempts",
            "failed_at",
        ] {
            let value = letter[name]
                .as_str()
                .map_or_else(|| letter[name].to_string(), str::to_owned);
            output::answer(&format!("{name:<14}{value}"));
        }
        output::answer(&format!("\n{:#}", letter["event"]));
    }
    Ok(ExitCode::SUCCESS)
}

fn path(stream: &str) -> String {
    format!("/api/admin/dlq/{stream}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(consumers: u64, lag_seconds: f64) -> Value {
        json!({"group": "g", "lag": 1, "lag_seconds": lag_seconds, "pending": 0,
               "oldest_pending_seconds": 0.0, "consumers": consumers})
    }

    #[test]
    fn a_stream_has_a_row_for_each_group_or_one() {
        let report: Report = serde_json::from_value(json!({"streams": [
            {"stream": "a", "length": 2, "bytes": 10, "dead_letters": 0, "groups": []},
            {"stream": "b", "length": 3, "bytes": 20, "dead_letters": 1, "groups": [group(1, 0.25), group(2, 0.0)]},
        ]}))
        .expect("a report");
        let table = table(&report);
        let lines: Vec<Vec<_>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(
            lines[1],
            ["a", "2", "10", "0", "-", "-", "-", "-", "-", "-"]
        );
        assert_eq!(
            lines[2],
            ["b", "3", "20", "1", "g", "1", "0.2", "0", "0.0", "1"]
        );
    }

    #[test]
    fn a_group_that_nobody_reads_or_that_lags_is_late() {
        let late = |value| {
            serde_json::from_value::<Group>(value)
                .expect("a group")
                .is_late()
        };
        assert!(!late(group(1, 59.0)));
        assert!(late(group(0, 0.0)) && late(group(1, 61.0)));
    }
}
