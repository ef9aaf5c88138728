//! The position of an event: a Redis stream ID, given by SQL in commit order.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A place in an event log, `<unix ms>-<sequence>`: strictly growing in commit order, the same in
/// SQL, in the stream and on every screen. Outside, it is opaque.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
    /// Place among the events of that millisecond.
    pub sequence: u64,
}

impl Position {
    /// Before everything.
    pub const START: Self = Self::new(0, 0);

    /// A position from its two numbers.
    pub const fn new(unix_ms: u64, sequence: u64) -> Self {
        Self { unix_ms, sequence }
    }

    /// The position after this one for something that happens at `now_ms`. It grows even when the
    /// clock stands still or goes back.
    pub const fn next(self, now_ms: u64) -> Self {
        if now_ms > self.unix_ms {
            Self::new(now_ms, 0)
        } else {
            Self::new(self.unix_ms, self.sequence + 1)
        }
    }
}

/// Bits of a packed position that hold the sequence.
const SEQUENCE_BITS: u32 = 20;

impl Position {
    /// Whether it fits into one number; positions that were made by [`Position::next_packable`] do.
    pub const fn is_packable(self) -> bool {
        self.unix_ms <= (i64::MAX >> SEQUENCE_BITS).unsigned_abs()
            && self.sequence < 1 << SEQUENCE_BITS
    }

    /// As one number that SQL orders in the same way; one that does not fit is the highest, or the highest of
    /// its millisecond.
    pub fn packed(self) -> i64 {
        let unix_ms = i64::try_from(self.unix_ms).unwrap_or(i64::MAX >> SEQUENCE_BITS);
        (unix_ms.min(i64::MAX >> SEQUENCE_BITS) << SEQUENCE_BITS)
            | (self.sequence.min((1 << SEQUENCE_BITS) - 1) as i64)
    }

    /// The position that was packed into this number.
    pub const fn from_packed(packed: i64) -> Self {
        let packed = packed.unsigned_abs();
        Self::new(packed >> SEQUENCE_BITS, packed & ((1 << SEQUENCE_BITS) - 1))
    }

    /// As [`Position::next`], and one that can be packed.
    pub const fn next_packable(self, now_ms: u64) -> Self {
        let next = self.next(now_ms);
        if next.sequence < 1 << SEQUENCE_BITS {
            next
        } else {
            Self::new(next.unix_ms + 1, 0)
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.unix_ms, self.sequence)
    }
}

/// Text that is not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsePositionError;

impl fmt::Display for ParsePositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a position; expected one as given by the server, like 1700000000000-0")
    }
}

impl std::error::Error for ParsePositionError {}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse().ok()).flatten()
        };
        let (unix_ms, sequence) = text.split_once('-').ok_or(ParsePositionError)?;
        match (digits(unix_ms), digits(sequence)) {
            (Some(unix_ms), Some(sequence)) => Ok(Self::new(unix_ms, sequence)),
            _ => Err(ParsePositionError),
        }
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Position {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Position".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "examples": ["1700000000000-0"]})
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
