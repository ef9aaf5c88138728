//! How long a change of an address takes.

const DAY_S: u64 = 86_400;

/// An account waits this long for the proof of a new address.
pub const PENDING_S: u64 = 7 * DAY_S;

/// A change can be undone for this long after it counts.
pub const UNDO_DAYS: u64 = 7;

/// The same in seconds.
pub const UNDO_S: u64 = UNDO_DAYS * DAY_S;
