//! What a worker's user writes.

use redis_access::AccessError;
use redis_contracts::{Position, event::Event};

/// An entry that can be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its ID.
    pub position: Position,
    /// The how manyth delivery this is, from 1.
    pub attempt: u64,
    /// What it holds.
    pub event: Event,
}

/// What became of an entry that the handler settled itself, in the script of its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Its effect is there.
    Applied,
    /// Its effect had been there.
    Repeated,
    /// Another consumer settled it.
    Gone,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Effect and XACK happened at once; nothing is left to do.
    Settled(Settled),
    /// The effect is durable elsewhere; the worker acknowledges. It may be delivered again when that
    /// fails, so the effect needs a key of its own.
    Done,
    /// It may work later: it is delivered again after the claim's idle time.
    Retry(String),
    /// It never will: it becomes a dead letter with this reason.
    Reject(String),
}

/// Works on entries.
pub trait Handler: Send + Sync + 'static {
    /// Works on a batch; one outcome per delivery, in their order. An error is about all of them.
    fn handle(
        &self,
        batch: &[Delivery],
    ) -> impl Future<Output = Result<Vec<Outcome>, AccessError>> + Send;
}
