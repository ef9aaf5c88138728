//! What happens in a conversation, in order: a question and its reply, and what its person makes of it. What comes
//! in was checked and is of the domain's own types, as is what goes out; `grpc/` translates.

mod ask;
mod interact;
mod memory;
mod rate;
mod record_reply;
mod records;
mod reply;
mod signal;

pub(crate) use self::{
    ask::{Conversations, NewMessage},
    interact::Interaction,
    rate::{MENTOR_REPLY, Rating},
    records::{Idempotency, Records},
    reply::{Reply, SOURCE},
    signal::{SignalPlace, Signals},
};

/// An answer, and whether it was given to the same request before.
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    pub(crate) replayed: bool,
}

impl<T> Answer<T> {
    /// Given for the first time.
    const fn first(value: T) -> Self {
        Self {
            value,
            replayed: false,
        }
    }
}
