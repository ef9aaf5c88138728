//! What a person or a program reads: answers on stdout, everything else on stderr. A reader that
//! went away is no reason to fail.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

/// A wrong use of the command line: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A part of the answer.
pub(crate) fn answer(line: &str) {
    drop(writeln!(io::stdout(), "{line}"));
}

/// The answer as one document.
pub(crate) fn document(document: &Value) {
    answer(&format!("{document:#}"));
}

/// One of several answers: on a terminal it takes the place of the one before.
pub(crate) fn page(text: &str) {
    let begin = if io::stdout().is_terminal() {
        "\x1b[H\x1b[2J"
    } else {
        ""
    };
    answer(&format!("{begin}{text}\n"));
}

/// Anything beside the answer.
pub(crate) fn tell(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}

/// A line that is drawn over by the next on a terminal, and stands by itself elsewhere.
#[derive(Default)]
pub(crate) struct Progress {
    drawn: bool,
}

impl Progress {
    /// Shows how far it is.
    pub(crate) fn show(&mut self, line: &str) {
        if io::stderr().is_terminal() {
            self.drawn = true;
            let mut stderr = io::stderr();
            drop(write!(stderr, "\r\x1b[2K{line}"));
            drop(stderr.flush());
        } else {
            tell(line);
        }
    }

    /// Leaves the last line standing.
    pub(crate) fn finish(&mut self) {
        if std::mem::take(&mut self.drawn) {
            tell("");
        }
    }
}

/// Rows under a head, in columns as wide as they need.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: [&str; N]| {
        let padded = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let lines = rows
        .iter()
        .map(|row| line(row.each_ref().map(String::as_str)));
    std::iter::once(line(head))
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_need() {
        let rows = [
            ["auth-service".to_owned(), "ok".to_owned()],
            ["é".to_owned(), "down".to_owned()],
        ];
        let expected = "name          status\nauth-service  ok\né             down";
        assert_eq!(table(["name", "status"], &rows), expected);
    }
}
