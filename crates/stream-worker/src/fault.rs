//! What keeps a worker from its stream.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why a worker cannot read its stream, if it cannot. Cheap to clone.
#[derive(Clone, Default)]
pub struct Fault(Arc<Mutex<Option<String>>>);

impl Fault {
    /// The reason.
    pub fn reason(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Whether that is news.
    pub(crate) fn set(&self, reason: Option<String>) -> bool {
        let mut held = self.lock();
        let is_new = *held != reason;
        *held = reason;
        is_new
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
