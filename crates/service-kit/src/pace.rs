//! How fast what is uploaded has to arrive: whoever sends slowly holds what others could use.

use std::time::Duration;

/// So many bytes of an upload have to arrive,
pub const PACE_BYTES: usize = 10 * 1024;

/// in each such time.
pub const PACE_WITHIN: Duration = Duration::from_secs(10);
