//! Sessions that are to be looked at, each once.

use std::collections::{HashSet, VecDeque};

use uuid::Uuid;

/// Ids in the order in which they are due.
#[derive(Default)]
pub(super) struct Due {
    waiting: VecDeque<Uuid>,
    queued: HashSet<Uuid>,
}

impl Due {
    /// One that is known to have changed goes before those that may have, also when it waits among them.
    pub(super) fn first(&mut self, id: Option<Uuid>) {
        if let Some(id) = id {
            self.queued.insert(id);
            self.waiting.push_front(id);
        }
    }

    /// Takes the next one. Where one stood before it was put first, nobody stands any more.
    pub(super) fn next(&mut self) -> Option<Uuid> {
        while let Some(id) = self.waiting.pop_front() {
            if self.queued.remove(&id) {
                return Some(id);
            }
        }
        None
    }
}

impl Extend<Uuid> for Due {
    fn extend<T: IntoIterator<Item = Uuid>>(&mut self, ids: T) {
        for id in ids {
            if self.queued.insert(id) {
                self.waiting.push_back(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_due_once_and_what_has_changed_first() {
        let [one, two, three] = [1, 2, 3].map(Uuid::from_u128);
        let mut due = Due::default();
        due.extend([one, two, one]);
        due.first(Some(three));
        due.first(Some(two));
        due.first(None);
        let order: Vec<_> = std::iter::from_fn(|| due.next()).collect();
        assert_eq!(order, [two, three, one]);
        due.extend([one]);
        assert_eq!(due.next(), Some(one), "and again later");
    }
}
