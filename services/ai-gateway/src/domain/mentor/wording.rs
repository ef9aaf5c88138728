//! Numbers, days, lists and titles as English text.

use redis_contracts::Timestamp;
use time::{Date, OffsetDateTime, macros::format_description};

/// Characters of a title that are shown.
const LONGEST_TITLE: usize = 80;

/// `1 task`, `2 tasks`
pub(super) fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `1 day`, `2 days`
pub(super) fn days(count: i64) -> String {
    counted(u32::try_from(count).unwrap_or_default(), "day", "days")
}

/// `a`, `a and b`, `a, b and c`
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// `1 March 2026`
pub(super) fn date(day: Date) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year]");
    day.format(format).unwrap_or_default()
}

/// The day of a moment, UTC.
pub(super) fn day_of(moment: Timestamp) -> Date {
    let moment = OffsetDateTime::from_unix_timestamp(moment.unix_ms().div_euclid(1000));
    moment.map_or(Date::MIN, OffsetDateTime::date)
}

/// A title as it is shown: in quotes, on one line, without what could disturb the text around it, and not
/// too long.
pub(super) fn quoted(title: &str) -> String {
    let plain: Vec<char> = title
        .chars()
        .filter(|letter| !is_disturbing(*letter))
        .map(|letter| if letter == '"' { '\'' } else { letter })
        .collect();
    if plain.len() <= LONGEST_TITLE {
        return format!("\"{}\"", plain.iter().collect::<String>().trim());
    }
    let shown: String = plain[..LONGEST_TITLE - 1].iter().collect();
    format!("\"{}…\"", shown.trim())
}

/// Control characters, line ends, and what turns the direction of text.
fn is_disturbing(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// With its first letter in upper case.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists() {
        assert_eq!(counted(1, "step", "steps"), "1 step");
        assert_eq!(counted(0, "step", "steps"), "0 steps");
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&items[..0]), "");
        assert_eq!(listed(&items[..1]), "a");
        assert_eq!(listed(&items[..2]), "a and b");
        assert_eq!(listed(&items), "a, b and c");
        assert_eq!(capital("finish it"), "Finish it");
    }

    #[test]
    fn days_as_people_write_them() {
        let day = Date::from_calendar_date(2026, time::Month::March, 1).expect("a day");
        assert_eq!(date(day), "1 March 2026");
        let moment: Timestamp = "2026-03-01T23:59:59.999Z".parse().expect("a moment");
        assert_eq!(day_of(moment), day);
    }

    #[test]
    fn titles_cannot_disturb_the_text() {
        assert_eq!(quoted("Say \"hi\""), "\"Say 'hi'\"");
        assert_eq!(quoted("a\u{1b}[31m\nb\u{202e}c\u{2028}"), "\"a[31mbc\"");
        let long = quoted(&"é".repeat(300));
        assert_eq!(long.chars().count(), LONGEST_TITLE + 2);
        assert!(long.ends_with("…\""));
    }
}
