//! Consumer groups done right: claim, retry, dead letter, lag, drain.
//!
//! A **group** reads its stream from the beginning (`0`) and is made anew when it, or the stream, is
//! gone. Each process is one **consumer** of it, under a name of its own. A [`Worker`] reads a batch of
//! new entries while it works on the one before. What was read and not yet settled is *pending*: when a
//! consumer dies, another takes its pending entries over after [`Timing::claim_idle`], looking through
//! all of them with a cursor that is kept.
//!
//! Each entry is decoded by itself; one that is no event, or of an unknown type, goes to `dlq:{stream}`
//! with its reason, in one script with its XACK, and never stops its neighbours. The others go to the
//! [`Handler`], whose [`Outcome`] says what became of each. A handler whose effect is in the same Redis
//! settles the entry in the script of the effect: that is exactly once. A batch that fails or panics is
//! tried entry by entry, and an entry that fails [`Timing::most_attempts`] times is a dead letter. While
//! Redis is away nothing is given up: the batch waits, and its consumer keeps hold of it.

mod decode;
mod fault;
mod handler;
mod metrics;
mod timing;
mod watch;
mod worker;

pub use fault::Fault;
pub use handler::{Delivery, Handler, Outcome, Settled};
pub use timing::{Timing, TimingFault};
pub use watch::{Totals, watch};
pub use worker::{Worker, consumer_name};
