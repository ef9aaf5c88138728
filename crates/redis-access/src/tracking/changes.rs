//! What changed, told to those who have to act on it.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use super::Inner;

/// Changes that may wait for one listener; one that is further behind is told [`Change::All`].
const WAITING: usize = 4096;

/// What changed of what was read over the tracked connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The key of this name was changed or removed. The next change is told after it was read again.
    Key(Arc<str>),
    /// Anything may have changed: Redis was emptied, the connection was lost or made again, or the
    /// listener was too slow.
    All,
}

/// A listener's changes, in order.
pub struct Changes {
    waiting: broadcast::Receiver<Change>,
    /// Holds the sender.
    _tracking: Arc<Inner>,
}

impl Changes {
    /// The next change. Cancel safe.
    pub async fn next(&mut self) -> Change {
        match self.waiting.recv().await {
            Ok(change) => change,
            Err(RecvError::Lagged(_)) => Change::All,
            // The sender lives as long as this.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

pub(super) struct Teller(broadcast::Sender<Change>);

impl Teller {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }

    pub(super) fn listen(&self, tracking: Arc<Inner>) -> Changes {
        Changes {
            waiting: self.0.subscribe(),
            _tracking: tracking,
        }
    }

    pub(super) fn tell(&self, name: &str) {
        if self.0.receiver_count() > 0 {
            // Nobody may listen any more.
            let _ = self.0.send(Change::Key(name.into()));
        }
    }

    pub(super) fn tell_all(&self) {
        let _ = self.0.send(Change::All);
    }
}
