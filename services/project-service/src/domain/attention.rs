//! What of a project needs somebody.

use redis_contracts::Timestamp;
use time::OffsetDateTime;

const DAY_MS: i64 = 86_400_000;

/// A task in progress that nobody changed for so many days is stuck.
const STUCK_AFTER_DAYS: i64 = 7;

/// A task in review that nobody changed for so many days is unreviewed.
const UNREVIEWED_AFTER_DAYS: i64 = 2;

/// What was done within so many days was done this week.
const WEEK_DAYS: i64 = 7;

/// An open task with so many steps left is big.
pub const BIG_FROM_STEPS: u32 = 4;

/// How a line of a description begins that is a step left to do.
const OPEN_STEPS: [&str; 2] = ["- [ ]", "* [ ]"];

const BLANKS: [char; 2] = [' ', '\t'];

/// The days and moments that tasks are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// What is open and due before this day, `2026-01-31` (UTC), is overdue.
    pub today: String,
    /// What is in progress and was last changed at this moment or before is stuck.
    pub stuck_since: Timestamp,
    /// What is in review and was last changed at this moment or before is unreviewed.
    pub unreviewed_since: Timestamp,
    /// What was done at this moment or later was done this week.
    pub week_from: Timestamp,
}

impl Bounds {
    /// The bounds at a moment.
    pub fn at(now: Timestamp) -> Self {
        let days_ago = |days: i64| Timestamp::from_unix_ms(now.unix_ms() - days * DAY_MS);
        let moment = OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(now.unix_ms());
        Self {
            today: moment.date().to_string(),
            stuck_since: days_ago(STUCK_AFTER_DAYS),
            unreviewed_since: days_ago(UNREVIEWED_AFTER_DAYS),
            week_from: days_ago(WEEK_DAYS),
        }
    }
}

/// The steps left in a description: its unticked lines that say something, indented or not.
pub fn open_steps(description: &str) -> u32 {
    let steps = description
        .lines()
        .filter(|line| is_open_step(line))
        .count();
    u32::try_from(steps).unwrap_or(u32::MAX)
}

fn is_open_step(line: &str) -> bool {
    let line = line.trim_matches(BLANKS);
    OPEN_STEPS
        .iter()
        .filter_map(|mark| line.strip_prefix(mark))
        .any(|step| step.starts_with(BLANKS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_are_days_before_now() {
        let now: Timestamp = "2026-03-01T00:30:00.000Z".parse().expect("a time");
        let bounds = Bounds::at(now);
        assert_eq!(bounds.today, "2026-03-01");
        assert_eq!(bounds.stuck_since.to_string(), "2026-02-22T00:30:00.000Z");
        assert_eq!(
            bounds.unreviewed_since.to_string(),
            "2026-02-27T00:30:00.000Z"
        );
        assert_eq!(bounds.week_from, bounds.stuck_since);
    }

    #[test]
    fn a_step_is_a_line_with_an_empty_box_and_words() {
        for step in [
            "- [ ] one",
            "* [ ] one",
            "  - [ ] one",
            "\t* [ ]\tone ",
            "- [ ] - [ ]",
            "- [ ] one\r",
        ] {
            assert_eq!(open_steps(step), 1, "{step:?}");
        }
        for other in [
            "",
            "- [x] one",
            "- [ ]",
            "- [ ] ",
            "- [ ]one",
            "-[ ] one",
            "- [] one",
            "+ [ ] one",
            "see - [ ] one",
            "[ ] one",
            "> - [ ] one",
        ] {
            assert_eq!(open_steps(other), 0, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn steps_are_counted_among_any_other_lines(
            lines in prop::collection::vec(
                prop_oneof![
                    ("[ \t]{0,4}[-*] \\[ \\][ \t][a-z]{1,9}").prop_map(|line| (line, 1)),
                    ("[a-z \t]{0,9}|- \\[x\\] [a-z]{1,9}|#+ [a-z]{0,9}").prop_map(|line| (line, 0)),
                ],
                0..50,
            )
        ) {
            let expected: u32 = lines.iter().map(|(_, steps)| steps).sum();
            let text: Vec<_> = lines.into_iter().map(|(line, _)| line).collect();
            prop_assert_eq!(open_steps(&text.join("\n")), expected);
        }

        #[test]
        fn any_moment_and_any_text_have_an_answer(unix_ms in any::<i64>(), text in ".{0,200}") {
            let now = Timestamp::from_unix_ms(unix_ms);
            let bounds = Bounds::at(now);
            prop_assert!(now.to_string().starts_with(&bounds.today));
            prop_assert!(bounds.stuck_since <= bounds.unreviewed_since && bounds.unreviewed_since <= now);
            prop_assert!(open_steps(&text) as usize <= text.lines().count());
        }
    }
}
