//! A page of what is listed.

use service_kit::page::Limit;

/// A page, and where the next one begins.
pub struct Listing<T> {
    /// What is on it.
    pub entries: Vec<T>,
    /// The cursor of its last entry; empty at the end.
    pub next_cursor: String,
}

impl<T> Listing<T> {
    /// The page that was read for this limit.
    pub fn cut(limit: Limit, mut read: Vec<T>, cursor: impl Fn(&T) -> String) -> Self {
        let next_cursor = limit.cut(&mut read, cursor);
        Self {
            entries: read,
            next_cursor,
        }
    }
}
