//! Figures beside their ceilings: a table for people, JSON for machines.

use std::{fs, path::PathBuf, thread};

use anyhow::Context as _;
use serde::Serialize;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Per second.
    #[serde(rename = "1/s")]
    PerSecond,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes.
    #[serde(rename = "B")]
    Bytes,
    /// 10^6 bytes.
    #[serde(rename = "MB")]
    Megabytes,
}

/// Something measured, or a budget.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    name: String,
    unit: Unit,
    /// Median of the rounds.
    value: f64,
    rounds: Vec<f64>,
}

/// What a figure is held to, beside its ceiling.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// This share of the ceiling or more.
    RatioAtLeast(f64),
    /// This many times the ceiling or less.
    RatioAtMost(f64),
    /// Not more than this over the ceiling.
    DifferenceAtMost(f64),
}

#[derive(Debug, Serialize)]
struct Row {
    figure: Figure,
    beside: Figure,
    ratio: f64,
    difference: f64,
    expected: Option<Expected>,
    met: Option<bool>,
}

/// The rows of one benchmark.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Figure {
    /// The median of some rounds.
    pub fn median(name: impl Into<String>, unit: Unit, rounds: Vec<f64>) -> Self {
        Self {
            name: name.into(),
            unit,
            value: median(&rounds),
            rounds,
        }
    }

    /// A figure that is given and not measured.
    pub fn budget(unit: Unit, value: f64) -> Self {
        Self::median("budget", unit, vec![value])
    }
}

impl Report {
    /// Sets a figure beside its ceiling.
    pub fn row(&mut self, figure: &Figure, beside: &Figure, expected: Option<Expected>) {
        let ratio = compare(figure, beside, |figure, ceiling| figure / ceiling);
        let difference = compare(figure, beside, |figure, ceiling| figure - ceiling);
        let met = expected.map(|expected| match expected {
            Expected::RatioAtLeast(least) => ratio >= least,
            Expected::RatioAtMost(most) => ratio <= most,
            Expected::DifferenceAtMost(most) => difference <= most,
        });
        self.rows.push(Row {
            figure: figure.clone(),
            beside: beside.clone(),
            ratio,
            difference,
            expected,
            met,
        });
    }

    /// Writes `target/bench/<name>.json`.
    pub fn write(&self, name: &str) -> anyhow::Result<()> {
        let binary = std::env::current_exe()?;
        let target = binary.ancestors().nth(2).map(PathBuf::from);
        let folder = target
            .context("the binary is not in target/")?
            .join("bench");
        fs::create_dir_all(&folder)?;
        let document = serde_json::json!({
            "benchmark": name,
            "cores": thread::available_parallelism()?.get(),
            "rows": self.rows,
        });
        let text = serde_json::to_string_pretty(&document)?;
        fs::write(folder.join(format!("{name}.json")), text + "\n")?;
        Ok(())
    }
}

/// The median over rounds that took turns; over the medians where there are not as many of both.
fn compare(figure: &Figure, beside: &Figure, how: fn(f64, f64) -> f64) -> f64 {
    if figure.rounds.len() != beside.rounds.len() {
        return how(figure.value, beside.value);
    }
    let pairs = figure.rounds.iter().zip(&beside.rounds);
    median(&pairs.map(|(a, b)| how(*a, *b)).collect::<Vec<_>>())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// All rows of all reports, aligned.
pub fn table(reports: &[(String, Report)]) -> String {
    const HEAD: [&str; 7] = [
        "benchmark",
        "figure",
        "value",
        "beside",
        "value",
        "ratio",
        "expected",
    ];
    let mut lines = vec![HEAD.map(str::to_owned)];
    for (name, report) in reports {
        lines.extend(report.rows.iter().map(|row| cells(name, row)));
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<_> = (0..HEAD.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in &lines {
        let padded = line.iter().zip(&widths).enumerate();
        let padded = padded.map(|(column, (cell, &width))| match column {
            2 | 4 | 5 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn cells(benchmark: &str, row: &Row) -> [String; 7] {
    let met = match row.met {
        None => "",
        Some(true) => "  met",
        Some(false) => "  NOT MET",
    };
    let expected = match row.expected {
        None => String::new(),
        Some(Expected::RatioAtLeast(least)) => format!(">= {least:.2}"),
        Some(Expected::RatioAtMost(most)) => format!("<= {most:.2}"),
        Some(Expected::DifferenceAtMost(most)) => {
            let unit = row.figure.unit.text();
            format!("<= +{most:.0}{unit}, is {:+.1}{unit}", row.difference)
        }
    };
    [
        benchmark.to_owned(),
        row.figure.name.clone(),
        shown(&row.figure),
        row.beside.name.clone(),
        shown(&row.beside),
        format!("{:.2}", row.ratio),
        format!("{expected}{met}"),
    ]
}

fn shown(figure: &Figure) -> String {
    let decimals = if figure.value < 10.0 {
        2
    } else if figure.value < 1000.0 {
        1
    } else {
        0
    };
    format!("{:.decimals$}{}", figure.value, figure.unit.text())
}

impl Unit {
    const fn text(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::Milliseconds => " ms",
            Self::Microseconds => " us",
            Self::Seconds => " s",
            Self::Bytes => " B",
            Self::Megabytes => " MB",
        }
    }
}

/// A line for people who wait.
#[expect(clippy::print_stderr, reason = "progress of a command")]
pub fn progress(line: &str) {
    eprintln!("{line}");
}

/// A line of the result.
#[expect(clippy::print_stdout, reason = "the result of a command")]
pub fn say(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_over_rounds_that_took_turns() {
        let figure = Figure::median("a", Unit::PerSecond, vec![10.0, 50.0, 30.0]);
        let ceiling = Figure::median("b", Unit::PerSecond, vec![20.0, 100.0, 40.0]);
        let mut report = Report::default();
        report.row(&figure, &ceiling, Some(Expected::RatioAtLeast(0.6)));
        assert_eq!(
            (report.rows[0].ratio, report.rows[0].met),
            (0.5, Some(false))
        );
        let budget = Figure::budget(Unit::PerSecond, 60.0);
        report.row(&figure, &budget, Some(Expected::DifferenceAtMost(0.0)));
        assert_eq!(
            (report.rows[1].difference, report.rows[1].met),
            (-30.0, Some(true))
        );
    }
}
