//! One topic of one socket, from the request to subscribe until it has joined the hub. Each step is
//! taken apart from the socket's task, which goes on serving its other topics meanwhile.

use redis_access::Entry;
use redis_contracts::{Position, Topic};
use service_kit::Problem;

use super::{
    history::{History, Reading, Standing},
    hub::Interest,
    seen::Visit,
};

/// A subscription: the socket's interest, and a number that tells it from an earlier one of the same
/// topic.
pub(super) struct Subscription {
    /// The topic.
    pub(super) topic: Topic,
    /// Grows with each subscription of the socket.
    pub(super) number: u64,
}

/// What a step has found.
pub(super) enum Found {
    /// Where the reader stands.
    Standing(Result<Standing, Problem>),
    /// Events after a position.
    Events(Position, Result<Vec<Entry>, Problem>),
}

/// A step that was taken.
pub(super) struct Step {
    /// For which subscription.
    pub(super) subscription: Subscription,
    /// With what outcome.
    pub(super) found: Found,
}

/// Asks where a reader stands.
pub(super) async fn find_standing(
    subscription: Subscription,
    after: Option<String>,
    history: History,
    reading: Reading,
) -> Step {
    let standing = history
        .standing(subscription.topic, after.as_deref(), &reading)
        .await;
    Step {
        subscription,
        found: Found::Standing(standing),
    }
}

/// Reads what comes after a position.
pub(super) async fn read_on(
    subscription: Subscription,
    position: Position,
    history: History,
    reading: Reading,
) -> Step {
    let events = history.after(subscription.topic, position, &reading).await;
    Step {
        subscription,
        found: Found::Events(position, events),
    }
}

/// A topic a socket has subscribed to.
pub(super) struct Subscribed {
    /// Its number.
    pub(super) number: u64,
    /// Keeps the hub's interest.
    pub(super) interest: Interest,
    /// How far the person was told.
    pub(super) visit: Visit,
    /// Joining makes sense from here on; `None`: once nothing is left to read.
    pub(super) target: Option<Position>,
}

impl Subscribed {
    /// Whether a reader that got to `position` may have caught up.
    pub(super) fn may_join(&self, position: Position, nothing_left: bool) -> bool {
        nothing_left || self.target.is_some_and(|target| position >= target)
    }
}
