//! What a field may hold. All wrong fields of a request are told at once.

use service_kit::{FieldError, Problem};
use time::{Date, macros::format_description};
use unicode_normalization::UnicodeNormalization;

/// Longest name or title, in characters.
pub const LONGEST_TITLE: usize = 300;
/// Longest description or comment, in characters.
pub const LONGEST_TEXT: usize = 65_536;
/// Longest label, in characters.
const LONGEST_LABEL: usize = 64;
/// Labels a task may have.
const MOST_LABELS: usize = 32;

/// Collects what is wrong while fields are read.
#[derive(Debug, Default)]
pub struct Checker {
    errors: Vec<FieldError>,
}

impl Checker {
    /// Notes a wrong field.
    pub fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
    }

    /// How many fields were wrong so far.
    pub fn count(&self) -> usize {
        self.errors.len()
    }

    /// The problem, when any field was wrong.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.errors))
        }
    }

    /// A project key: `[A-Z][A-Z0-9]{1,9}`.
    pub fn key(&mut self, field: &str, key: &str) {
        let mut bytes = key.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_uppercase());
        let rest = bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !(first && rest && (2..=10).contains(&key.len())) {
            self.refuse(field, "2 to 10 capital letters and digits, a letter first");
        }
    }

    /// A name or title: one line of 1 to 300 characters.
    pub fn title(&mut self, field: &str, text: &str) -> String {
        let text = self.text(field, text, 1, LONGEST_TITLE);
        if text.contains('\n') {
            self.refuse(field, "one line");
        } else if !text.is_empty() && text.trim().is_empty() {
            self.refuse(field, "more than blanks");
        }
        text
    }

    /// A text of `least` to `most` characters, as it is stored: NFC, newlines as LF.
    pub fn text(&mut self, field: &str, text: &str, least: usize, most: usize) -> String {
        if text.chars().any(forbidden) {
            self.refuse(field, "no control characters but tab and newline");
            return String::new();
        }
        let stored = stored_form(text);
        let length = stored.chars().count();
        if length < least || length > most {
            self.refuse(
                field,
                format!("{least} to {most} characters; it has {length}"),
            );
        }
        stored
    }

    /// A task's labels: each once, in the order given.
    pub fn labels(&mut self, field: &str, labels: &[String]) -> Vec<String> {
        if labels.len() > MOST_LABELS {
            self.refuse(
                field,
                format!("at most {MOST_LABELS}; there are {}", labels.len()),
            );
            return Vec::new();
        }
        let mut stored = Vec::with_capacity(labels.len());
        for (index, label) in labels.iter().enumerate() {
            let place = format!("{field}[{index}]");
            let label = self.text(&place, label, 1, LONGEST_LABEL);
            if label.contains(['\n', '\t']) {
                self.refuse(place, "one line without tabs");
            } else if !stored.contains(&label) {
                stored.push(label);
            }
        }
        stored
    }

    /// A day, `2026-01-31`.
    pub fn day(&mut self, field: &str, text: &str) {
        let format = format_description!("[year]-[month]-[day]");
        if text.len() != 10 || Date::parse(text, format).is_err() {
            self.refuse(field, "a day such as 2026-01-31");
        }
    }
}

fn forbidden(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\r' | '\t')
}

fn stored_form(text: &str) -> String {
    let newlines = text.replace("\r\n", "\n").replace('\r', "\n");
    newlines.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(check: impl FnOnce(&mut Checker)) -> bool {
        let mut checker = Checker::default();
        check(&mut checker);
        checker.finish().is_err()
    }

    #[test]
    fn keys() {
        for good in ["AB", "ECH", "A1", "ABCDEFGHIJ"] {
            assert!(!refused(|checker| checker.key("key", good)), "{good}");
        }
        for bad in ["", "A", "1A", "ab", "ABCDEFGHIJK", "A-B", "ÄB", "A B"] {
            assert!(refused(|checker| checker.key("key", bad)), "{bad}");
        }
    }

    #[test]
    fn text_is_stored_as_nfc_with_plain_newlines() {
        let mut checker = Checker::default();
        assert_eq!(checker.text("t", "e\u{301}\r\na\rb", 1, 10), "é\na\nb");
        assert!(checker.finish().is_ok());
    }

    #[test]
    fn length_counts_characters_as_stored() {
        assert!(!refused(|checker| drop(
            checker.title("t", &"é".repeat(300))
        )));
        assert!(!refused(|checker| drop(
            checker.title("t", &"e\u{301}".repeat(300))
        )));
        assert!(refused(|checker| drop(
            checker.title("t", &"x".repeat(301))
        )));
        assert!(refused(|checker| drop(checker.title("t", ""))));
        assert!(refused(|checker| drop(checker.title("t", "  "))));
        assert!(refused(|checker| drop(checker.title("t", "a\nb"))));
    }

    #[test]
    fn control_characters_are_refused() {
        for bad in ["a\0b", "a\u{7}b", "a\u{85}b", "\u{1b}[31m"] {
            assert!(
                refused(|checker| drop(checker.text("t", bad, 0, 100))),
                "{bad:?}"
            );
        }
        assert!(!refused(|checker| drop(
            checker.text("t", "a\tb\nc", 0, 100)
        )));
    }

    #[test]
    fn days_and_labels() {
        for bad in [
            "2026-02-30",
            "2026-1-31",
            "31.01.2026",
            "",
            "2026-01-31T00:00:00Z",
        ] {
            assert!(refused(|checker| checker.day("due_on", bad)), "{bad}");
        }
        let labels = vec!["bug".to_owned(), "bug".to_owned(), "ui".to_owned()];
        assert_eq!(Checker::default().labels("labels", &labels), ["bug", "ui"]);
        assert!(refused(|checker| drop(
            checker.labels("labels", &vec!["x".to_owned(); 33])
        )));
    }
}
