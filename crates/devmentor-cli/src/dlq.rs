//! `devmentor dlq`: what no consumer could take, and why.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use crate::{
    arguments::DlqCommand,
    output::{self, Usage},
    source::Source,
};

/// What is said of a letter beside its event.
const FIELDS: [&str; 7] = [
    "id",
    "source_stream",
    "source_id",
    "group",
    "error",
    "attempts",
    "failed_at",
];

/// Runs one of its commands.
pub(crate) async fn run(
    source: &Source,
    command: DlqCommand,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    match command {
        DlqCommand::List { stream, limit } => list(source, stream, limit as usize, as_json).await?,
        DlqCommand::Show { stream, id } => show(source, &stream, &id, as_json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The newest of each stream.
async fn list(
    source: &Source,
    stream: Option<String>,
    limit: usize,
    as_json: bool,
) -> anyhow::Result<()> {
    let streams = match stream {
        Some(stream) => vec![stream],
        None => streams_with_letters(source).await?,
    };
    let mut letters = Vec::new();
    for stream in &streams {
        let mut newest = Vec::<Value>::new();
        let all = source.letters(stream, |page| {
            newest.extend(page);
            newest.len() > limit
        });
        all.await?;
        if newest.len() > limit {
            newest.truncate(limit);
            output::tell(&format!(
                "{stream} has more than {limit}; --limit shows more"
            ));
        }
        letters.extend(newest);
    }
    if as_json {
        output::document(&json!({ "items": letters }));
    } else {
        output::answer(&table(&letters));
    }
    Ok(())
}

async fn streams_with_letters(source: &Source) -> anyhow::Result<Vec<String>> {
    let report = source.report().await?;
    let with_letters = report
        .streams
        .into_iter()
        .filter(|stream| stream.dead_letters > 0);
    Ok(with_letters.map(|stream| stream.stream).collect())
}

fn table(letters: &[Value]) -> String {
    if letters.is_empty() {
        return "There are no dead letters.".to_owned();
    }
    let shown = ["source_stream", "id", "failed_at", "error"];
    let rows = letters
        .iter()
        .map(|letter| shown.map(|field| text(&letter[field])));
    output::table(
        ["stream", "id", "failed at", "error"],
        &rows.collect::<Vec<_>>(),
    )
}

async fn show(source: &Source, stream: &str, id: &str, as_json: bool) -> anyhow::Result<()> {
    let mut found = None;
    let all = source.letters(stream, |page| {
        found = page.into_iter().find(|letter| letter["id"] == id);
        found.is_some()
    });
    all.await?;
    let unknown =
        || format!("{stream} has no dead letter {id}; `devmentor dlq list {stream}` shows them");
    let letter = found.with_context(|| Usage(unknown()))?;
    if as_json {
        output::document(&letter);
        return Ok(());
    }
    for field in FIELDS {
        output::answer(&format!("{field:<14}{}", text(&letter[field])));
    }
    output::answer(&format!("\n{:#}", letter["event"]));
    Ok(())
}

/// On one line: a reason may quote what anyone wrote, and a terminal obeys control characters.
fn text(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_cannot_write_over_the_terminal() {
        let letter = json!({"source_stream": "s", "id": "1-0", "failed_at": "now", "error": "no \u{1b}[2J\nkind"});
        let table = table(&[letter]);
        assert_eq!(
            table.lines().nth(1),
            Some("s       1-0  now        no  [2J kind")
        );
    }
}
