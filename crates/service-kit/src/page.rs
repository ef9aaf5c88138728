//! Pages of lists: how many entries, how many bytes, and where the next page begins.

use crate::Problem;

/// Entries of a page when none are asked for.
const DEFAULT_LIMIT: u32 = 50;
/// Entries of a page at most.
const MOST: u32 = 200;
/// Bytes of a page, about: the entry that reaches them is its last.
const BYTES: usize = 1 << 20;

/// How many entries a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u32);

impl Limit {
    /// 1 to 200; 0 means that none was given, and is 50.
    pub fn asked(limit: u32) -> Result<Self, Problem> {
        match limit {
            0 => Ok(Self(DEFAULT_LIMIT)),
            1..=MOST => Ok(Self(limit)),
            _ => Err(Problem::invalid_field("limit", format!("1 to {MOST}"))),
        }
    }

    /// How many entries to read: one more, which tells whether there is a next page.
    pub const fn to_read(self) -> i64 {
        self.0 as i64 + 1
    }

    /// Cuts what was read down to the page; answers the cursor of its last entry, empty at the end.
    pub fn cut<T>(self, entries: &mut Vec<T>, cursor: impl Fn(&T) -> String) -> String {
        let more = entries.len() > self.0 as usize;
        entries.truncate(self.0 as usize);
        entries
            .last()
            .filter(|_| more)
            .map(cursor)
            .unwrap_or_default()
    }
}

/// A page of entries with long texts, filled while they are read: it ends with as many as were asked for,
/// or with its bytes, so that what is read, sent and held for it has a bound.
#[derive(Debug)]
pub struct Page<T> {
    entries: Vec<T>,
    limit: Limit,
    bytes: usize,
    more: bool,
}

impl<T> Page<T> {
    /// An empty one.
    pub const fn new(limit: Limit) -> Self {
        Self {
            entries: Vec::new(),
            limit,
            bytes: 0,
            more: false,
        }
    }

    /// Whether a further entry belongs to the next page, which there is then.
    pub fn is_full(&mut self) -> bool {
        self.more = self.entries.len() >= self.limit.0 as usize || self.bytes >= BYTES;
        self.more
    }

    /// Adds an entry of about so many bytes.
    pub fn add(&mut self, entry: T, bytes: usize) {
        self.entries.push(entry);
        self.bytes += bytes;
    }

    /// Its entries, and the cursor of the last one, empty at the end.
    pub fn end(self, cursor: impl Fn(&T) -> String) -> (Vec<T>, String) {
        let last = self.entries.last().filter(|_| self.more);
        let cursor = last.map(cursor).unwrap_or_default();
        (self.entries, cursor)
    }
}

/// A cursor that is none of ours.
pub fn wrong_cursor() -> Problem {
    Problem::invalid_field("cursor", "the next_cursor of an earlier answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_last_page_has_no_next() {
        let limit = Limit::asked(2).expect("a limit");
        for (read, kept, next) in [
            (vec![1, 2, 3], 2, "2"),
            (vec![1, 2], 2, ""),
            (vec![1], 1, ""),
            (vec![], 0, ""),
        ] {
            let mut entries = read;
            assert_eq!(limit.cut(&mut entries, ToString::to_string), next);
            assert_eq!(entries.len(), kept);
        }
        assert!(Limit::asked(201).is_err());
        assert_eq!(Limit::asked(0).expect("the default").to_read(), 51);
    }

    #[test]
    fn a_page_ends_with_its_entries_or_its_bytes_and_has_one_at_least() {
        for (asked, bytes, kept, next) in [
            (2, 1, 2, "2"),
            (3, 1, 3, ""),
            (3, BYTES, 1, "1"),
            (3, BYTES / 2, 2, "2"),
            (3, BYTES / 2 - 1, 3, ""),
        ] {
            let mut page = Page::new(Limit::asked(asked).expect("a limit"));
            for entry in 1..=3 {
                if page.is_full() {
                    break;
                }
                page.add(entry, bytes);
            }
            let (entries, cursor) = page.end(ToString::to_string);
            assert_eq!((entries.len(), &*cursor), (kept, next), "{asked} {bytes}");
        }
    }
}
