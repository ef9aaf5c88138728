//! What the fields of projects and tasks may hold.

use service_kit::Checker;
use time::{Date, macros::format_description};

/// Longest name or title, in characters.
pub const LONGEST_TITLE: usize = 300;
/// Longest description or comment, in characters.
pub const LONGEST_TEXT: usize = 65_536;
/// Longest label, in characters.
const LONGEST_LABEL: usize = 64;
/// Labels a task may have.
pub const MOST_LABELS: usize = 32;

/// The fields of projects and tasks.
pub trait Fields {
    /// A project key: `[A-Z][A-Z0-9]{1,9}`.
    fn key(&mut self, field: &str, key: &str);
    /// A name or title: one line of 1 to 300 characters.
    fn title(&mut self, field: &str, text: &str) -> String;
    /// A task's labels: each once, in the order given.
    fn task_labels(&mut self, field: &str, labels: &[String]) -> Vec<String>;
    /// A day, `2026-01-31`.
    fn day(&mut self, field: &str, text: &str);
}

impl Fields for Checker {
    fn key(&mut self, field: &str, key: &str) {
        let mut bytes = key.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_uppercase());
        let rest = bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !(first && rest && (2..=10).contains(&key.len())) {
            self.refuse(field, "2 to 10 capital letters and digits, a letter first");
        }
    }

    fn title(&mut self, field: &str, text: &str) -> String {
        let text = self.text(field, text, 1, LONGEST_TITLE);
        if text.contains('\n') {
            self.refuse(field, "one line");
        } else if !text.is_empty() && text.trim().is_empty() {
            self.refuse(field, "more than blanks");
        }
        text
    }

    fn task_labels(&mut self, field: &str, labels: &[String]) -> Vec<String> {
        self.labels(field, labels, MOST_LABELS, LONGEST_LABEL)
    }

    fn day(&mut self, field: &str, text: &str) {
        if !is_day(text) {
            self.refuse(field, "a day such as 2026-01-31");
        }
    }
}

/// Whether a text is a day, `2026-01-31`.
pub fn is_day(text: &str) -> bool {
    let format = format_description!("[year]-[month]-[day]");
    text.len() == 10 && Date::parse(text, format).is_ok()
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
        let labels = vec!["x".to_owned(); 33];
        assert!(refused(|checker| drop(
            checker.task_labels("labels", &labels)
        )));
    }
}
