//! How fast what is uploaded has to arrive: whoever sends slowly holds what others could use.

use std::time::Duration;

/// Bytes of an upload that have to arrive in each [`PACE_WITHIN`].
pub const PACE_BYTES: usize = 10 * 1024;

/// The time for each [`PACE_BYTES`].
pub const PACE_WITHIN: Duration = Duration::from_secs(10);
