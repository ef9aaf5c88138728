//! What waits for one socket: bounded, so that a slow client costs itself and nobody else.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytestring::ByteString;
use redis_contracts::{Position, Topic};
use tokio::sync::Notify;

use crate::connections::Room;

/// Messages that may wait.
const MOST_MESSAGES: usize = 1000;

/// Bytes that may wait; a single message may be larger.
const MOST_BYTES: usize = 1 << 20;

/// Bytes of a queue that are not counted with those of others: an event or two on their way to a client that
/// reads.
const UNCOUNTED: usize = 4 * 1024;

/// Something for the socket's task, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// An event to be written.
    Event(Topic, Position, ByteString),
    /// The topic was given up: too much was waiting.
    Overflow(Topic),
    /// Events after this position have to be read: they were missed by the process.
    CatchUp(Topic, Position),
    /// The topic is no more.
    Ended(Topic),
}

/// The queue of one socket.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    /// What it holds of the room for all; none in a test without connections.
    room: Option<Room>,
}

/// Too much is waiting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Queue {
    /// An empty one, in this room.
    pub(super) fn new(room: Option<Room>) -> Self {
        let waiting = Waiting {
            room,
            ..Waiting::default()
        };
        Self {
            waiting: Mutex::new(waiting),
            wake: Notify::new(),
        }
    }

    /// Adds an event.
    pub(super) fn push_event(
        &self,
        topic: Topic,
        position: Position,
        frame: &ByteString,
    ) -> Result<(), Full> {
        let mut waiting = self.lock();
        let too_many = waiting.items.len() >= MOST_MESSAGES;
        let too_large = waiting.bytes > 0 && waiting.bytes + frame.len() > MOST_BYTES;
        if too_many || too_large {
            return Err(Full);
        }
        waiting.hold(frame.len())?;
        let item = Item::Event(topic, position, frame.clone());
        waiting.items.push_back(item);
        drop(waiting);
        self.wake.notify_one();
        Ok(())
    }

    /// Adds a word on a topic. A socket has few topics and each has one such word at a time, so these
    /// are not counted.
    pub(super) fn push_word(&self, word: Item) {
        self.lock().items.push_back(word);
        self.wake.notify_one();
    }

    /// Drops the events of a topic that nobody wants any more.
    pub(super) fn forget(&self, topic: Topic) {
        let mut waiting = self.lock();
        let kept = std::mem::take(&mut waiting.items)
            .into_iter()
            .filter(|item| item.topic() != topic);
        let kept: VecDeque<_> = kept.collect();
        let bytes: usize = kept.iter().map(Item::bytes).sum();
        let forgotten = waiting.bytes - bytes;
        waiting.give_back(forgotten);
        waiting.items = kept;
    }

    /// The next thing, when there is one.
    pub(super) fn take(&self) -> Option<Item> {
        let mut waiting = self.lock();
        let item = waiting.items.pop_front()?;
        waiting.give_back(item.bytes());
        Some(item)
    }

    /// Has the socket's task come back for the rest.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until there may be something. Cancel safe.
    pub(super) async fn filled(&self) {
        self.wake.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn hold(&mut self, bytes: usize) -> Result<(), Full> {
        let more = counted(self.bytes + bytes) - counted(self.bytes);
        if let Some(room) = self.room.as_mut().filter(|_| more > 0) {
            room.grow(more).map_err(|_| Full)?;
        }
        self.bytes += bytes;
        Ok(())
    }

    fn give_back(&mut self, bytes: usize) {
        let less = counted(self.bytes) - counted(self.bytes - bytes);
        self.bytes -= bytes;
        if let Some(room) = self.room.as_ref().filter(|_| less > 0) {
            room.shrink(less);
        }
    }
}

/// What a queue of so many bytes holds of the room for all.
const fn counted(bytes: usize) -> usize {
    bytes.saturating_sub(UNCOUNTED)
}

impl Item {
    const fn topic(&self) -> Topic {
        match self {
            Self::Event(topic, ..)
            | Self::Overflow(topic)
            | Self::CatchUp(topic, _)
            | Self::Ended(topic) => *topic,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Event(.., frame) => frame.len(),
            Self::Overflow(_) | Self::CatchUp(..) | Self::Ended(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn is_bounded_in_messages_and_bytes_and_counts_what_is_taken() {
        let topic = Topic::Project(Uuid::nil());
        let queue = Queue::default();
        let small = ByteString::from_static("x");
        for _ in 0..MOST_MESSAGES {
            queue
                .push_event(topic, Position::START, &small)
                .expect("room");
        }
        assert_eq!(queue.push_event(topic, Position::START, &small), Err(Full));
        queue.push_word(Item::Overflow(topic));
        queue.forget(topic);
        assert_eq!(queue.take(), None);
        let half: ByteString = "x".repeat(MOST_BYTES / 2 + 1).into();
        queue
            .push_event(topic, Position::START, &half)
            .expect("room");
        assert_eq!(queue.push_event(topic, Position::START, &half), Err(Full));
        assert!(queue.take().is_some());
        let huge: ByteString = "x".repeat(MOST_BYTES * 2).into();
        queue
            .push_event(topic, Position::START, &huge)
            .expect("a single message may be larger");
    }
}
