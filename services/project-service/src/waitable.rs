//! State that tasks wait on.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

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

    /// What an attempt gives. It is made anew after each change, until time is up.
    pub async fn when<T>(
        &self,
        within: Duration,
        mut attempt: impl FnMut(&mut S) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + within;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let attempted = attempt(&mut self.lock());
            if attempted.is_some() {
                return attempted;
            }
            timeout_at(deadline, changed).await.ok()?;
        }
    }
}
