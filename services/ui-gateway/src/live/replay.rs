//! One topic of one socket, from the request to subscribe until it has joined the hub. Each step is a
//! task of its own: it ends, and gives back its turn and its connection, whether or not the socket's
//! client takes what it found.

use std::{collections::VecDeque, future::pending, time::Duration};

use redis_access::Entry;
use redis_contracts::{Position, Topic};
use service_kit::{Code, Problem};
use tokio::task::{JoinError, JoinSet};

use super::{
    bite::Bite,
    history::{History, Reading, ReplayStart},
    hub::Interest,
    seen::Visit,
};
use crate::connections::{Kind, Place, Room};

/// Steps of one socket that are taken, or whose outcome it has not taken yet.
const AT_ONCE: usize = 2;

/// Events of one step, and about so many bytes: a slow client holds them until it reads.
const BATCH: usize = 100;
const BATCH_BYTES: usize = 256 * 1024;

/// A subscription: the topic, and a number that tells it from an earlier one of the same topic.
#[derive(Clone, Copy)]
pub(super) struct Subscription {
    /// The topic.
    pub(super) topic: Topic,
    /// Grows with each subscription of the socket.
    pub(super) number: u64,
}

/// A step to be taken.
pub(super) struct Step {
    /// For which subscription.
    pub(super) subscription: Subscription,
    /// The epoch of what it finds.
    pub(super) epoch: u64,
    /// What it is to find.
    pub(super) asks: Asks,
}

/// What a step is to find.
pub(super) enum Asks {
    /// Where a reader at this position stands.
    ReplayStart(Option<String>),
    /// What comes after a position, not before this pause is over.
    Events(Position, Bite, Duration),
}

/// What a step has found.
pub(super) enum Found {
    /// Where the reader stands.
    ReplayStart(Result<ReplayStart, Problem>),
    /// Events after a position.
    Events(Position, Result<Events, Problem>),
}

/// Events that were read.
pub(super) struct Events {
    /// In order.
    pub(super) entries: Vec<Entry>,
    /// The bite for what follows on them.
    pub(super) bite: Bite,
    /// What they hold of the room for all, until they are written.
    pub(super) room: Option<Room>,
}

/// A step that was taken.
pub(super) struct Taken {
    /// For which subscription.
    pub(super) subscription: Subscription,
    /// The epoch it was begun in.
    pub(super) epoch: u64,
    /// With what outcome.
    pub(super) found: Found,
}

/// The bite of a replay that begins.
pub(super) const fn first_bite() -> Bite {
    Bite::new(BATCH, BATCH_BYTES)
}

/// The steps of one socket: few at once, the others wait.
pub(super) struct Steps {
    history: History,
    reading: Reading,
    place: Option<Place>,
    running: JoinSet<Taken>,
    waiting: VecDeque<Step>,
    subscribing: usize,
}

impl Steps {
    /// None yet, on behalf of this reader, on this connection.
    pub(super) fn new(history: History, reading: Reading, place: Option<Place>) -> Self {
        Self {
            history,
            reading,
            place,
            running: JoinSet::new(),
            waiting: VecDeque::new(),
            subscribing: 0,
        }
    }

    /// Subscriptions that have not been answered.
    pub(super) const fn subscribing(&self) -> usize {
        self.subscribing
    }

    /// Takes a step as soon as there is room.
    pub(super) fn take(&mut self, step: Step) {
        if matches!(step.asks, Asks::ReplayStart(_)) {
            self.subscribing += 1;
        }
        self.waiting.push_back(step);
        self.start();
    }

    /// Forgets reading that nobody waits for any more.
    pub(super) fn forget(&mut self, topic: Topic) {
        self.waiting.retain(|step| {
            step.subscription.topic != topic || matches!(step.asks, Asks::ReplayStart(_))
        });
    }

    /// The outcome of the next one; an error when it has panicked. Never, while there is none. Cancel
    /// safe.
    pub(super) async fn next(&mut self) -> Result<Taken, JoinError> {
        let taken = match self.running.join_next().await {
            Some(taken) => taken?,
            None => pending().await,
        };
        if matches!(taken.found, Found::ReplayStart(_)) {
            self.subscribing -= 1;
        }
        self.start();
        Ok(taken)
    }

    fn start(&mut self) {
        while self.running.len() < AT_ONCE
            && let Some(step) = self.waiting.pop_front()
        {
            let (history, reading) = (self.history.clone(), self.reading.clone());
            let room = self.place.as_ref().map(|place| place.room(Kind::Events));
            self.running.spawn(take(step, history, reading, room));
        }
    }
}

async fn take(step: Step, history: History, reading: Reading, room: Option<Room>) -> Taken {
    let Step {
        subscription,
        epoch,
        asks,
    } = step;
    let topic = subscription.topic;
    let found = match asks {
        Asks::ReplayStart(after) => {
            let standing = history.standing(topic, after.as_deref(), &reading).await;
            Found::ReplayStart(standing)
        }
        Asks::Events(position, bite, pause) => {
            tokio::time::sleep(pause).await;
            let events = history.after(topic, position, bite, &reading).await;
            Found::Events(position, events.and_then(|read| hold(read, room)))
        }
    };
    Taken {
        subscription,
        epoch,
        found,
    }
}

fn hold((entries, bite): (Vec<Entry>, Bite), mut room: Option<Room>) -> Result<Events, Problem> {
    let bytes = entries.iter().map(|entry| entry.event.len()).sum();
    if let Some(room) = &mut room {
        let too_many = |_| Problem::new(Code::RateLimited, "Too many events wait to be read.");
        room.grow(bytes).map_err(too_many)?;
    }
    Ok(Events {
        entries,
        bite,
        room,
    })
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
    /// Readings in a row that found nothing, though there was more to come.
    pub(super) found_nothing: u32,
}

impl Subscribed {
    /// Whether a reader that got to `position` may have caught up.
    pub(super) fn may_join(&self, position: Position, nothing_left: bool) -> bool {
        nothing_left || self.target.is_some_and(|target| position >= target)
    }
}
