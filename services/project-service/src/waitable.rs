//! State that tasks wait on.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

/// State behind a lock, and whoever waits for a change of it.
#[derive(Default)]
pub struct Waitable<S> {
    state: Mutex<S>,
    changed: Notify,
}

impl<S> Waitable<S> {
    /// The state, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes all who wait.
    pub fn change(&self, change: impl FnOnce(&mut S)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    /// What an attempt gives. It is made anew after each change.
    pub async fn until<T>(&self, mut attempt: impl FnMut(&mut S) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let attempted = attempt(&mut self.lock());
            if let Some(attempted) = attempted {
                return attempted;
            }
            changed.await;
        }
    }

    /// What an attempt gives before time is up.
    pub async fn when<T>(
        &self,
        within: Duration,
        attempt: impl FnMut(&mut S) -> Option<T>,
    ) -> Option<T> {
        timeout(within, self.until(attempt)).await.ok()
    }
}
