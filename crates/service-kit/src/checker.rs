//! What a field of a request may hold. All wrong fields are told at once.

use unicode_normalization::UnicodeNormalization;

use crate::{FieldError, Problem};

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

    /// Texts of one line, of 1 to `longest` characters: each once, in the order given.
    pub fn labels(
        &mut self,
        field: &str,
        labels: &[String],
        most: usize,
        longest: usize,
    ) -> Vec<String> {
        if labels.len() > most {
            self.refuse(field, format!("at most {most}; there are {}", labels.len()));
            return Vec::new();
        }
        let mut stored = Vec::with_capacity(labels.len());
        for (index, label) in labels.iter().enumerate() {
            let place = format!("{field}[{index}]");
            let label = self.text(&place, label, 1, longest);
            if label.contains(['\n', '\t']) {
                self.refuse(place, "one line without tabs");
            } else if !stored.contains(&label) {
                stored.push(label);
            }
        }
        stored
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
    fn text_is_stored_as_nfc_with_plain_newlines() {
        let mut checker = Checker::default();
        assert_eq!(checker.text("t", "e\u{301}\r\na\rb", 1, 10), "é\na\nb");
        assert!(checker.finish().is_ok());
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
    fn labels_are_bounded_and_each_is_kept_once() {
        let labels = ["bug", "bug", "ui"].map(str::to_owned);
        assert_eq!(Checker::default().labels("l", &labels, 3, 3), ["bug", "ui"]);
        assert!(refused(|checker| drop(checker.labels("l", &labels, 2, 3))));
        assert!(refused(|checker| drop(checker.labels("l", &labels, 3, 2))));
    }
}
