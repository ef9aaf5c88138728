//! A moment as the contract writes it: RFC 3339, UTC, with milliseconds.

use std::{
    fmt,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: what RFC 3339 can write.
const FIRST_MS: i64 = -62_167_219_200_000;
const LAST_MS: i64 = 253_402_300_799_999;

/// Milliseconds since the Unix epoch; as text `2026-01-31T12:00:00.000Z` (RFC 3339). Always a moment
/// of the years 0 to 9999, so that it can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// This moment.
    pub fn now() -> Self {
        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::from_unix_ms(i64::try_from(elapsed.as_millis()).unwrap_or(LAST_MS))
    }

    /// From milliseconds since the Unix epoch; what lies outside is the first or the last moment.
    pub const fn from_unix_ms(unix_ms: i64) -> Self {
        match unix_ms {
            ..FIRST_MS => Self(FIRST_MS),
            FIRST_MS..=LAST_MS => Self(unix_ms),
            _ => Self(LAST_MS),
        }
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// This moment and so many seconds.
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        let ms = seconds.saturating_mul(1000);
        Self::from_unix_ms(self.0.saturating_add_unsigned(ms))
    }
}

/// A moment as it is written.
const SAMPLE: [u8; 24] = *b"0000-01-01T00:00:00.000Z";

impl Timestamp {
    /// The text, digit by digit: every answer has several of them, and formatting them was a tenth of
    /// the cost of a short one.
    fn write(self, text: &mut [u8; SAMPLE.len()]) -> Result<&str, fmt::Error> {
        let seconds = self.0.div_euclid(1000);
        let moment = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| fmt::Error)?;
        let (year, month, day) = moment.to_calendar_date();
        let (hour, minute, second) = moment.to_hms();
        put(&mut text[..4], year.unsigned_abs());
        put(&mut text[5..7], u8::from(month).into());
        put(&mut text[8..10], day.into());
        put(&mut text[11..13], hour.into());
        put(&mut text[14..16], minute.into());
        put(&mut text[17..19], second.into());
        let ms = u32::try_from(self.0.rem_euclid(1000)).map_err(|_| fmt::Error)?;
        put(&mut text[20..23], ms);
        std::str::from_utf8(text).map_err(|_| fmt::Error)
    }
}

/// Writes a number with as many digits as there is room for.
fn put(room: &mut [u8], mut number: u32) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = SAMPLE;
        f.write_str(self.write(&mut text)?)
    }
}

/// Text that is not an RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseTimestampError;

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 3339 time; expected one like 2026-01-31T12:00:00Z")
    }
}

impl std::error::Error for ParseTimestampError {}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment = OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .and_then(|moment| moment.checked_to_offset(UtcOffset::UTC))
            .ok_or(ParseTimestampError)?;
        let unix_ms = moment.unix_timestamp_nanos().div_euclid(1_000_000);
        let unix_ms = i64::try_from(unix_ms).map_err(|_| ParseTimestampError)?;
        match Self::from_unix_ms(unix_ms) {
            same if same.0 == unix_ms => Ok(same),
            _ => Err(ParseTimestampError),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = SAMPLE;
        let text = self.write(&mut text).map_err(ser::Error::custom)?;
        serializer.serialize_str(text)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "examples": ["2026-01-31T12:00:00.000Z"],
        })
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
