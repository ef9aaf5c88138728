//! Who listens to what, and handing each event to them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytestring::ByteString;
use redis_contracts::{Position, Topic};
use serde_json::value::RawValue;

use super::{
    metrics::{DELIVERIES, RESYNCS},
    protocol::event_frame,
    queue::{Item, Queue},
};

/// All topics that somebody in this process is interested in.
#[derive(Default)]
pub(super) struct Hub {
    topics: Mutex<HashMap<Topic, Listeners>>,
}

#[derive(Default)]
struct Listeners {
    /// The newest event handed out since anybody was interested.
    newest: Position,
    /// Grows when events may have been missed: what was read before says nothing of them.
    epoch: u64,
    /// Interests, those that are still catching up among them.
    interested: usize,
    joined: Vec<Listener>,
}

struct Listener {
    queue: Arc<Queue>,
    /// The last event it was given; what is at or before it was told already.
    after: Position,
}

/// Whether a socket that has caught up to a position may join.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// From now on events come by the queue.
    Yes,
    /// Events came meanwhile, up to this position at least; read on.
    Behind(Position),
    /// Events may have been missed since the epoch of the last reading; read until nothing is left.
    Missed,
}

/// A socket's interest in a topic; from the moment it is taken, the hub knows what came meanwhile.
pub(super) struct Interest {
    hub: Arc<Hub>,
    topic: Topic,
    queue: Arc<Queue>,
}

impl Hub {
    /// Hands an event to everyone who listens to its topic.
    pub(super) fn publish(&self, topic: Topic, position: Position, event: &RawValue) {
        let mut topics = self.lock();
        let Some(listeners) = topics.get_mut(&topic) else {
            return;
        };
        listeners.newest = listeners.newest.max(position);
        if listeners.joined.is_empty() {
            return;
        }
        let frame = event_frame(topic, position, event);
        let mut delivered = 0;
        listeners.joined.retain_mut(|listener| {
            let heard = listener.hear(topic, position, &frame);
            delivered += u64::from(heard);
            heard
        });
        DELIVERIES.inc_by(delivered);
    }

    /// The topic has ended, after its last event.
    pub(super) fn end(&self, topic: Topic) {
        if let Some(listeners) = self.lock().get_mut(&topic) {
            for listener in listeners.joined.drain(..) {
                listener.queue.push_word(Item::Ended(topic));
            }
        }
    }

    /// Events of these topics may have been missed that the process cannot read for all: each socket
    /// reads for itself what came after its last one. One that has not joined yet will find its reading
    /// out of date.
    pub(super) fn catch_up(&self, missed: impl Fn(&Topic) -> bool) {
        let mut topics = self.lock();
        for (topic, listeners) in topics.iter_mut().filter(|(topic, _)| missed(topic)) {
            listeners.epoch += 1;
            for listener in listeners.joined.drain(..) {
                listener
                    .queue
                    .push_word(Item::CatchUp(*topic, listener.after));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Topic, Listeners>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// `false` when it was given up.
    fn hear(&mut self, topic: Topic, position: Position, frame: &ByteString) -> bool {
        if position <= self.after {
            return true;
        }
        if self.queue.push_event(topic, position, frame).is_err() {
            RESYNCS.inc();
            self.queue.push_word(Item::Overflow(topic));
            return false;
        }
        self.after = position;
        true
    }
}

impl Interest {
    /// Takes an interest in a topic.
    pub(super) fn take(hub: &Arc<Hub>, topic: Topic, queue: &Arc<Queue>) -> Self {
        hub.lock().entry(topic).or_default().interested += 1;
        Self {
            hub: Arc::clone(hub),
            topic,
            queue: Arc::clone(queue),
        }
    }

    /// The epoch of a reading that begins now.
    pub(super) fn epoch(&self) -> u64 {
        let topics = self.hub.lock();
        topics
            .get(&self.topic)
            .map_or(0, |listeners| listeners.epoch)
    }

    /// Joins once everything up to `after` was told, as a reading of that epoch found.
    pub(super) fn join(&self, after: Position, epoch: u64) -> Joined {
        let mut topics = self.hub.lock();
        let listeners = topics.entry(self.topic).or_default();
        if listeners.epoch != epoch {
            return Joined::Missed;
        }
        if listeners.newest > after {
            return Joined::Behind(listeners.newest);
        }
        let queue = Arc::clone(&self.queue);
        listeners.joined.push(Listener { queue, after });
        Joined::Yes
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut topics = self.hub.lock();
        if let Some(listeners) = topics.get_mut(&self.topic) {
            listeners
                .joined
                .retain(|listener| !Arc::ptr_eq(&listener.queue, &self.queue));
            listeners.interested -= 1;
            if listeners.interested == 0 {
                topics.remove(&self.topic);
            }
        }
        drop(topics);
        self.queue.forget(self.topic);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn event() -> Box<RawValue> {
        RawValue::from_string("{}".to_owned()).expect("JSON")
    }

    #[test]
    fn a_listener_hears_each_event_after_its_position_once() {
        let (hub, topic, queue) = (
            Arc::new(Hub::default()),
            Topic::Project(Uuid::nil()),
            Arc::default(),
        );
        let interest = Interest::take(&hub, topic, &queue);
        hub.publish(topic, Position::new(5, 0), &event());
        let (fourth, fifth) = (Position::new(4, 0), Position::new(5, 0));
        assert_eq!(interest.join(fourth, 0), Joined::Behind(fifth));
        assert_eq!(interest.join(fifth, 0), Joined::Yes);
        for position in [5, 6, 6, 4, 7] {
            hub.publish(topic, Position::new(position, 0), &event());
        }
        let heard: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(heard.len(), 2);
        drop(interest);
        assert!(hub.lock().is_empty());
    }

    #[test]
    fn what_may_have_been_missed_is_read_by_those_it_concerns() {
        let (hub, queue) = (Arc::new(Hub::default()), Arc::default());
        let topics = [Topic::Project(Uuid::nil()), Topic::User(Uuid::nil())];
        let interests = topics.map(|topic| Interest::take(&hub, topic, &queue));
        let joined_at = Position::new(3, 0);
        for interest in &interests {
            assert_eq!(interest.join(joined_at, 0), Joined::Yes);
        }
        hub.publish(topics[1], Position::new(4, 0), &event());
        queue.take();
        hub.catch_up(|topic| matches!(topic, Topic::User(_)));
        hub.publish(topics[1], Position::new(5, 0), &event());
        assert_eq!(
            queue.take(),
            Some(Item::CatchUp(topics[1], Position::new(4, 0)))
        );
        assert_eq!(queue.take(), None, "it has left until it has caught up");
        let (fourth, fifth) = (Position::new(4, 0), Position::new(5, 0));
        assert_eq!(interests[1].epoch(), 1);
        assert_eq!(interests[1].join(fourth, 1), Joined::Behind(fifth));
        assert_eq!(interests[1].join(fifth, 1), Joined::Yes);
    }

    #[test]
    fn who_has_not_joined_when_something_may_have_been_missed_reads_again() {
        let (hub, topic, queue) = (
            Arc::new(Hub::default()),
            Topic::User(Uuid::nil()),
            Arc::default(),
        );
        let interest = Interest::take(&hub, topic, &queue);
        let read_in = interest.epoch();
        let newest = Position::new(3, 0);
        // Here U1 is published, and nobody hears: the subscription was lost.
        hub.catch_up(|_| true);
        assert_eq!(interest.join(newest, read_in), Joined::Missed);
        assert_eq!(interest.join(newest, interest.epoch()), Joined::Yes);
    }

    #[test]
    fn one_that_is_too_slow_is_given_up_and_told() {
        let (hub, topic, queue) = (
            Arc::new(Hub::default()),
            Topic::Project(Uuid::nil()),
            Arc::default(),
        );
        let interest = Interest::take(&hub, topic, &queue);
        assert_eq!(interest.join(Position::START, 0), Joined::Yes);
        for position in 1..=1100 {
            hub.publish(topic, Position::new(position, 0), &event());
        }
        let heard: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(heard.len(), 1001);
        assert_eq!(heard.last(), Some(&Item::Overflow(topic)));
    }
}
