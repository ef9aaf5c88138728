//! What a field of a request may hold. All wrong fields are told at once.

use unicode_normalization::UnicodeNormalization;

use crate::{FieldError, Problem, problem::MOST_ERRORS};

/// Characters that NFC makes one of at most: U+1F82 and its like decompose into four.
/// <https://www.unicode.org/reports/tr15/#Maximum_Expansion_Factor_Table>
const MOST_COMPOSED: usize = 4;

/// Collects what is wrong while fields are read. It holds no more than is named to the caller, so that
/// a large request with a fault in each of its fields does not grow.
#[derive(Debug, Default)]
pub struct Checker {
    errors: Vec<FieldError>,
    /// Wrong fields beside those.
    more: usize,
}

impl Checker {
    /// Notes a wrong field.
    pub fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        if self.errors.len() == MOST_ERRORS {
            self.more += 1;
            return;
        }
        self.errors.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
    }

    /// Notes what another checker found in a part of the request; `place` is written before its fields.
    pub fn include(&mut self, place: &str, part: Self) {
        for error in part.errors {
            self.refuse(format!("{place}{}", error.field), error.message);
        }
        self.more += part.more;
    }

    /// How many fields were wrong so far.
    pub fn count(&self) -> usize {
        self.errors.len() + self.more
    }

    /// The problem, when any field was wrong.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid_and(self.errors, self.more))
        }
    }

    /// A text of `least` to `most` characters, as it is stored: NFC, newlines as LF.
    pub fn text(&mut self, field: &str, text: &str, least: usize, most: usize) -> String {
        if text.chars().any(forbidden) {
            self.refuse(field, "no control characters but tab and newline");
            return String::new();
        }
        // A text that is too long in any form is not brought into another, which takes many times its size.
        let far_too_long = far_too_long(text, most);
        let stored = far_too_long.map_or_else(|| stored_form(text), |_| String::new());
        let length = far_too_long.unwrap_or_else(|| stored.chars().count());
        if length < least || length > most {
            self.refuse(
                field,
                format!("{least} to {most} characters; it has {length}"),
            );
        }
        stored
    }

    /// Refuses a list of more than `most` entries.
    pub fn at_most(&mut self, field: &str, count: usize, most: usize) -> bool {
        if count > most {
            self.refuse(field, format!("at most {most}; there are {count}"));
        }
        count <= most
    }

    /// Texts of one line, of 1 to `longest` characters: each once, in the order given.
    pub fn labels(
        &mut self,
        field: &str,
        labels: &[String],
        most: usize,
        longest: usize,
    ) -> Vec<String> {
        if !self.at_most(field, labels.len(), most) {
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

/// The length of a text that has more than `most` characters in any form: as it was sent, but with each
/// newline counted once.
fn far_too_long(text: &str, most: usize) -> Option<usize> {
    let longest = most.saturating_mul(MOST_COMPOSED);
    // Bytes are counted already, and are never fewer than characters.
    if text.len() <= longest {
        return None;
    }
    let length = text.chars().count() - text.matches("\r\n").count();
    (length > longest).then_some(length)
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
    fn a_text_that_may_fit_is_measured_as_stored_and_one_that_cannot_as_sent() {
        let longest = "\u{3b1}\u{313}\u{300}\u{345}";
        assert!(!refused(|checker| drop(checker.text(
            "t",
            &longest.repeat(10),
            0,
            10
        ))));
        for (text, length) in [
            (longest.repeat(10) + "x", 41),
            ("e\u{301}".repeat(11), 11),
            ("x\r\n".repeat(6), 12),
            ("x\r\n".repeat(100), 200),
            ("é".repeat(1000), 1000),
        ] {
            let mut checker = Checker::default();
            checker.text("t", &text, 0, 10);
            let problem = checker.finish().expect_err("too long");
            let message = format!("0 to 10 characters; it has {length}");
            assert_eq!(problem.errors[0].message, message);
        }
    }

    #[test]
    fn faults_beyond_those_named_are_counted_only_also_those_of_a_part() {
        let (mut whole, mut part) = (Checker::default(), Checker::default());
        whole.refuse("first", "no");
        for index in 0..1000 {
            part.refuse(format!("[{index}]"), "no");
        }
        assert_eq!(part.errors.len(), MOST_ERRORS);
        whole.include("list", part);
        assert_eq!((whole.count(), whole.errors.len()), (1001, MOST_ERRORS));
        let problem = whole.finish().expect_err("faults");
        assert_eq!(problem.errors[1].field, "list[0]");
        let last = problem.errors.last().expect("a fault");
        assert_eq!(last.message, "981 more are wrong");
    }

    #[test]
    fn labels_are_bounded_and_each_is_kept_once() {
        let labels = ["bug", "bug", "ui"].map(str::to_owned);
        assert_eq!(Checker::default().labels("l", &labels, 3, 3), ["bug", "ui"]);
        assert!(refused(|checker| drop(checker.labels("l", &labels, 2, 3))));
        assert!(refused(|checker| drop(checker.labels("l", &labels, 3, 2))));
    }
}
