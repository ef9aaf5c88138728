//! Texts that have rules of their own.

use redis_contracts::Timestamp;

/// A `format` of JSON Schema.
#[derive(Debug)]
pub(super) struct Format {
    name: &'static str,
    /// What is said of other texts.
    pub(super) expected: &'static str,
    pub(super) fits: fn(&str) -> bool,
}

static FORMATS: [Format; 2] = [
    Format {
        name: "date",
        expected: "expected a day such as 2026-01-31",
        fits: is_day,
    },
    Format {
        name: "date-time",
        expected: "expected a time such as 2026-01-31T12:00:00Z",
        fits: |text| text.parse::<Timestamp>().is_ok(),
    },
];

impl Format {
    /// The format of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }
}

/// Written as a day; the services know the calendar.
fn is_day(text: &str) -> bool {
    const SAMPLE: &[u8; 10] = b"0000-00-00";
    text.len() == SAMPLE.len()
        && text.bytes().zip(SAMPLE).all(|(byte, sample)| match sample {
            b'0' => byte.is_ascii_digit(),
            separator => byte == *separator,
        })
}
