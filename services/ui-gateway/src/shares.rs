//! How many of something each one may hold at once.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is held, by whom. Cheap to clone.
pub(crate) struct Shares<K> {
    held: Arc<Mutex<HashMap<K, usize>>>,
    of_each: usize,
}

/// One that is held, until it is dropped.
pub(crate) struct Share<K: Eq + Hash> {
    shares: Shares<K>,
    key: K,
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
    /// At most so many each; 0: any number.
    pub(crate) fn new(of_each: u64) -> Self {
        Self {
            held: Arc::default(),
            of_each: match of_each {
                0 => usize::MAX,
                of_each => usize::try_from(of_each).unwrap_or(usize::MAX),
            },
        }
    }

    /// One more; none when they hold all they may.
    pub(crate) fn take(&self, key: K) -> Option<Share<K>> {
        let mut held = self.lock();
        let own = held.entry(key.clone()).or_default();
        if *own >= self.of_each {
            return None;
        }
        *own += 1;
        drop(held);
        let shares = self.clone();
        Some(Share { shares, key })
    }
}

impl<K> Shares<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        if let Some(own) = held.get_mut(&self.key) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.key);
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
        let mut held: Vec<_> = (0..2).filter_map(|_| shares.take('a')).collect();
        assert_eq!(held.len(), 2);
        assert!(shares.take('a').is_none());
        assert!(shares.take('b').is_some(), "another's");
        held.pop();
        held.extend(shares.take('a'));
        assert_eq!(held.len(), 2);
        held.clear();
        assert!(shares.lock().is_empty(), "nobody is remembered");
    }

    #[test]
    fn zero_is_no_bound() {
        let shares = Shares::new(0);
        let held: Vec<_> = (0..1000).map_while(|_| shares.take(())).collect();
        assert_eq!(held.len(), 1000);
    }
}
