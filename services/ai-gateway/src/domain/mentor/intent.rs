//! What a message is about.

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// How things are and what to do: also for a greeting, and for what is not understood.
    Briefing,
    /// What changed.
    Changes,
    /// What to do next.
    Next,
    /// What is on one of the lists.
    Focus(Focus),
    /// One task, by its reference.
    Task(String),
    /// What the mentor can do.
    Help,
}

/// A list that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    Overdue,
    Stuck,
    Unreviewed,
    Big,
}

/// Words and phrases, as they stand in a message without its punctuation.
const FOCUS: &[(Focus, &[&str])] = &[
    (
        Focus::Overdue,
        &["overdue", "late", "deadline", "deadlines", "due", "behind"],
    ),
    (
        Focus::Stuck,
        &[
            "stuck", "blocked", "stalled", "stale", "blocking", "blockers",
        ],
    ),
    (
        Focus::Unreviewed,
        &["review", "reviews", "reviewed", "unreviewed", "in review"],
    ),
    (
        Focus::Big,
        &[
            "big",
            "large",
            "huge",
            "split",
            "smaller",
            "break down",
            "too much",
        ],
    ),
];
const CHANGES: &[&str] = &[
    "changed",
    "change",
    "changes",
    "what s new",
    "whats new",
    "anything new",
    "news",
    "happened",
    "happening",
    "missed",
    "since",
    "away",
    "update",
    "updates",
    "catch up",
    "catch me up",
];
const NEXT: &[&str] = &[
    "next",
    "to do",
    "should i do",
    "shall i do",
    "do now",
    "do today",
    "do first",
    "start",
    "begin",
    "priority",
    "priorities",
    "prioritise",
    "prioritize",
    "focus",
    "work on",
    "important",
    "urgent",
];
const HELP: &[&str] = &[
    "help",
    "what can you do",
    "who are you",
    "what are you",
    "how do you work",
    "how does this work",
];

/// What a message is about. A reference counts when its project is one of these keys; two questions in one
/// message are answered together.
pub(super) fn of(message: &str, keys: &[&str]) -> Intent {
    if let Some(reference) = task_reference(message, keys) {
        return Intent::Task(reference);
    }
    let words = padded_words(message);
    let has = |phrases: &[&str]| {
        let mut phrases = phrases.iter();
        phrases.any(|phrase| words.contains(&format!(" {phrase} ")))
    };
    let lists: Vec<_> = FOCUS
        .iter()
        .filter(|(_, phrases)| has(phrases))
        .map(|(focus, _)| *focus)
        .collect();
    match (&lists[..], has(CHANGES), has(NEXT)) {
        ([], true, false) => Intent::Changes,
        ([focus], false, _) => Intent::Focus(*focus),
        ([], false, true) | ([_, _, ..], false, _) => Intent::Next,
        ([], false, false) if has(HELP) => Intent::Help,
        _ => Intent::Briefing,
    }
}

/// In lower case, a blank around each word.
fn padded_words(message: &str) -> String {
    let lower = message.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric());
    let mut padded = String::from(" ");
    for word in words.filter(|word| !word.is_empty()) {
        padded.push_str(word);
        padded.push(' ');
    }
    padded
}

/// The first `KEY-12` of a project of the asker's, in any case.
fn task_reference(message: &str, keys: &[&str]) -> Option<String> {
    let upper = message.to_uppercase();
    let tokens = upper.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
    let mut references = tokens.filter(|token| {
        token.split_once('-').is_some_and(|(key, number)| {
            let is_number =
                (1..=9).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
            is_number && keys.contains(&key)
        })
    });
    references.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_understood() {
        for (message, intent) in [
            ("What changed since I was here?", Intent::Changes),
            ("what's new?", Intent::Changes),
            ("Catch me up, please", Intent::Changes),
            ("What should I do next?", Intent::Next),
            ("Where do I start", Intent::Next),
            ("What is overdue or stuck?", Intent::Next),
            ("anything LATE?", Intent::Focus(Focus::Overdue)),
            (
                "Which overdue task comes next?",
                Intent::Focus(Focus::Overdue),
            ),
            ("what is blocked", Intent::Focus(Focus::Stuck)),
            ("What waits for a review?", Intent::Focus(Focus::Unreviewed)),
            ("what should I split", Intent::Focus(Focus::Big)),
            ("What changed, and what should I do next?", Intent::Briefing),
            ("Did anything overdue change?", Intent::Briefing),
            ("help", Intent::Help),
            ("What can you do?", Intent::Help),
            ("How is ech-12?", Intent::Task("ECH-12".to_owned())),
            ("(OPS-7)", Intent::Task("OPS-7".to_owned())),
            ("Is UTF-8 fine?", Intent::Briefing),
            ("ECH-", Intent::Briefing),
            ("ECH-1234567890", Intent::Briefing),
            ("hello", Intent::Briefing),
            ("Wie geht es dir?", Intent::Briefing),
            ("", Intent::Briefing),
        ] {
            assert_eq!(of(message, &["ECH", "OPS"]), intent, "{message}");
        }
    }
}
