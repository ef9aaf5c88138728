//! Times as the contract writes them.

use proptest::prelude::*;
use redis_contracts::Timestamp;

/// Year 0 to 9999, the years RFC 3339 can write.
const FIRST_MS: i64 = -62_167_219_200_000;
const LAST_MS: i64 = 253_402_300_799_999;

fn read(text: &str) -> Option<String> {
    text.parse::<Timestamp>().ok().map(|time| time.to_string())
}

#[test]
fn times_are_utc_with_milliseconds() {
    let rows = [
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500Z"),
        ("2026-01-31T12:00:00.123999999Z", "2026-01-31T12:00:00.123Z"),
        ("2026-01-31T00:30:00+02:00", "2026-01-30T22:30:00.000Z"),
        ("2026-01-31T23:30:00-05:30", "2026-02-01T05:00:00.000Z"),
        ("2024-02-29T23:59:59.999Z", "2024-02-29T23:59:59.999Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00.000Z"),
    ];
    for (given, wanted) in rows {
        assert_eq!(read(given).as_deref(), Some(wanted), "{given}");
    }
}

#[test]
fn a_leap_second_is_the_last_moment_before_it() {
    let read = read("2016-12-31T23:59:60Z");
    assert_eq!(read.as_deref(), Some("2016-12-31T23:59:59.999Z"));
}

#[test]
fn what_is_no_time_is_refused() {
    let junk = [
        "",
        "now",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:00+25:00",
        "12026-01-31T12:00:00Z",
        "-001-01-31T12:00:00Z",
        "1767225600",
        // A year that the move to UTC takes out of what can be written.
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00+01:00",
    ];
    for text in junk {
        assert_eq!(read(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn every_moment_comes_back_and_sorts_as_text(one in FIRST_MS..=LAST_MS, other in FIRST_MS..=LAST_MS) {
        let (one, other) = (Timestamp::from_unix_ms(one), Timestamp::from_unix_ms(other));
        let text = one.to_string();
        prop_assert_eq!(text.len(), "2026-01-31T12:00:00.000Z".len());
        prop_assert_eq!(text.parse(), Ok(one));
        prop_assert_eq!(text.cmp(&other.to_string()), one.cmp(&other));
        let json = serde_json::to_string(&one).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).expect("a time"), one);
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = text.parse::<Timestamp>();
    }
}

#[test]
fn every_time_can_be_written() {
    let time = Timestamp::from_unix_ms(1_000);
    assert_eq!(time.plus_seconds(2).unix_ms(), 3_000);
    for late in [
        time.plus_seconds(u64::MAX),
        Timestamp::from_unix_ms(i64::MAX),
    ] {
        assert_eq!(late.to_string(), "9999-12-31T23:59:59.999Z");
    }
    let early = Timestamp::from_unix_ms(i64::MIN);
    assert_eq!(early.to_string(), "0000-01-01T00:00:00.000Z");
}
