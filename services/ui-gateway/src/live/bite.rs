//! How many entries are read at once: Redis and SQL count entries, and what has to be bounded are bytes.

use redis_access::Entry;

/// Entries of a first reading, whose size is not known.
const FIRST: usize = 16;

/// A number of entries that are expected to fit into so many bytes, by the size of those before them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bite {
    entries: usize,
    most: usize,
    bytes: usize,
}

impl Bite {
    /// At most so many entries, and so many bytes as far as that can be foreseen.
    pub(super) const fn new(most: usize, bytes: usize) -> Self {
        let entries = if FIRST < most { FIRST } else { most };
        Self {
            entries,
            most,
            bytes,
        }
    }

    /// Entries to ask for.
    pub(super) const fn entries(self) -> usize {
        self.entries
    }

    /// The next one, after these. It doubles at most: larger ones may follow on small ones.
    pub(super) fn after(self, read: &[Entry]) -> Self {
        let bytes: usize = read.iter().map(|entry| entry.event.len()).sum();
        let mean = (bytes / read.len().max(1)).max(1);
        let entries = (self.bytes / mean).clamp(1, self.most);
        Self {
            entries: entries.min(2 * self.entries),
            ..self
        }
    }

    /// A smaller one, where this one was not answered in time.
    pub(super) fn halved(self) -> Self {
        Self {
            entries: (self.entries / 2).max(1),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use redis_contracts::Position;

    use super::*;

    fn of_bytes(bytes: usize, count: usize) -> Vec<Entry> {
        let entry = Entry {
            position: Position::START,
            event: "x".repeat(bytes),
        };
        vec![entry; count]
    }

    #[test]
    fn grows_by_twos_to_its_bound_and_shrinks_at_once() {
        let mut bite = Bite::new(100, 1000);
        for expected in [16, 32, 64, 100, 100] {
            assert_eq!(bite.entries(), expected);
            bite = bite.after(&of_bytes(1, 5));
        }
        assert_eq!(bite.after(&of_bytes(400, 3)).entries(), 2);
        assert_eq!(bite.after(&of_bytes(5000, 1)).entries(), 1);
        assert_eq!(bite.after(&[]).entries(), 100);
    }

    #[test]
    fn halves_down_to_one() {
        let mut bite = Bite::new(5, 1000);
        for expected in [5, 2, 1, 1] {
            assert_eq!(bite.entries(), expected);
            bite = bite.halved();
        }
    }
}
