//! Pages of lists: how many entries, and where the next page begins.

use crate::Problem;

/// Entries of a page when none are asked for.
const DEFAULT_LIMIT: u32 = 50;
/// Entries of a page at most.
const MOST: u32 = 200;

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
}
