//! How much of something each one may hold at once, and all together.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is held, by whom. Cheap to clone.
pub(crate) struct Shares<K> {
    held: Arc<Mutex<Held<K>>>,
    of_each: usize,
    in_all: usize,
}

struct Held<K> {
    by: HashMap<K, usize>,
    in_all: usize,
}

/// What one holds, until it is dropped.
pub(crate) struct Share<K: Eq + Hash> {
    shares: Shares<K>,
    key: K,
    amount: usize,
}

/// Why there is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// They hold all they may.
    OfEach,
    /// All together hold all there is.
    InAll,
}

impl<K> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self {
            held: Arc::clone(&self.held),
            ..*self
        }
    }
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// At most so much each; 0: any amount.
    pub(crate) fn new(of_each: u64) -> Self {
        let of_each = match of_each {
            0 => usize::MAX,
            of_each => usize::try_from(of_each).unwrap_or(usize::MAX),
        };
        Self::bounded(of_each, usize::MAX)
    }

    /// At most so much each, and so much in all.
    pub(crate) fn bounded(of_each: usize, in_all: usize) -> Self {
        let held = Held {
            by: HashMap::new(),
            in_all: 0,
        };
        Self {
            held: Arc::new(Mutex::new(held)),
            of_each,
            in_all,
        }
    }

    /// One more.
    pub(crate) fn take(&self, key: K) -> Result<Share<K>, Spent> {
        let mut share = self.nothing(key);
        share.grow(1)?;
        Ok(share)
    }

    /// A share that may grow.
    pub(crate) fn nothing(&self, key: K) -> Share<K> {
        Share {
            shares: self.clone(),
            key,
            amount: 0,
        }
    }
}

impl<K: Clone + Eq + Hash> Share<K> {
    /// Holds so much more, or no more than before.
    pub(crate) fn grow(&mut self, by: usize) -> Result<(), Spent> {
        let Shares {
            of_each, in_all, ..
        } = self.shares;
        let mut held = self.shares.lock();
        let own = held.by.get(&self.key).copied().unwrap_or_default();
        if by > of_each.saturating_sub(own) {
            return Err(Spent::OfEach);
        }
        if by > in_all.saturating_sub(held.in_all) {
            return Err(Spent::InAll);
        }
        held.by.insert(self.key.clone(), own + by);
        held.in_all += by;
        drop(held);
        self.amount += by;
        Ok(())
    }
}

impl<K> Shares<K> {
    fn lock(&self) -> MutexGuard<'_, Held<K>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        held.in_all -= self.amount;
        if let Some(own) = held.by.get_mut(&self.key) {
            *own -= self.amount;
            if *own == 0 {
                held.by.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_much_and_gets_it_back() {
        let shares = Shares::new(2);
        let mut held: Vec<_> = (0..2).filter_map(|_| shares.take('a').ok()).collect();
        assert_eq!(held.len(), 2);
        assert_eq!(shares.take('a').err(), Some(Spent::OfEach));
        assert!(shares.take('b').is_ok(), "another's");
        held.pop();
        held.extend(shares.take('a').ok());
        assert_eq!(held.len(), 2);
        held.clear();
        assert!(shares.lock().by.is_empty(), "nobody is remembered");
    }

    #[test]
    fn all_together_have_a_bound_and_what_is_refused_is_not_held() {
        let shares = Shares::bounded(10, 15);
        let (mut one, mut two) = (shares.nothing("a"), shares.nothing("b"));
        assert_eq!((one.grow(10), one.grow(1)), (Ok(()), Err(Spent::OfEach)));
        assert_eq!((two.grow(6), two.grow(5)), (Err(Spent::InAll), Ok(())));
        drop(one);
        assert_eq!(two.grow(5), Ok(()));
        drop(two);
        let held = shares.lock();
        assert_eq!((held.in_all, held.by.len()), (0, 0));
    }

    #[test]
    fn zero_is_no_bound() {
        let shares = Shares::new(0);
        let held: Vec<_> = (0..1000).map_while(|_| shares.take(()).ok()).collect();
        assert_eq!(held.len(), 1000);
    }
}
