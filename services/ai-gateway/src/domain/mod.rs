//! What the mentor says and how. No I/O.

pub(crate) mod mentor;
pub(crate) mod style;
