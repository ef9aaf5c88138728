//! The topics of a socket: what is asked for, and each step towards its being live.

use std::time::Duration;

use redis_access::Entry;
use redis_contracts::{Position, Topic};
use service_kit::Code;

use super::{End, Socket};
use crate::live::{
    bite::Bite,
    history::ReplayStart,
    hub::{Interest, Joined},
    metrics::Refused,
    protocol::{MOST_TOPICS, Reply, Resync, event_text_frame},
    queue::Item,
    replay::{Asks, Events, Found, Step, Subscribed, Subscription, Taken, first_bite},
};

/// Subscriptions of one socket that are not answered yet.
const MOST_SUBSCRIBING: usize = 10;

/// Pauses after readings that found nothing though there is more to come: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// After so many in a row, the history is not what it should be.
const MOST_IN_VAIN: u32 = 12;

/// Events written between two looks at what the client says.
const WRITE_AT_ONCE: usize = 64;

impl Socket {
    pub(super) async fn subscribe(&mut self, text: &str, after: Option<String>) -> Result<(), End> {
        let Ok(topic) = text.parse::<Topic>() else {
            return self.refuse(text, Code::Forbidden).await;
        };
        if self.topics.len() >= MOST_TOPICS && !self.topics.contains_key(&topic) {
            Refused::Topics.count();
            return self.refuse(text, Code::Invalid).await;
        }
        if self.steps.subscribing() >= MOST_SUBSCRIBING {
            Refused::Subscribing.count();
            return self.refuse(text, Code::RateLimited).await;
        }
        self.unsubscribe(topic);
        self.subscriptions += 1;
        let subscription = Subscription {
            topic,
            number: self.subscriptions,
        };
        let subscribed = Subscribed {
            number: subscription.number,
            interest: Interest::take(&self.live.hub, topic, &self.queue),
            visit: self.live.seen.visit(self.user_id, topic),
            target: None,
            found_nothing: 0,
        };
        let epoch = subscribed.interest.epoch();
        self.topics.insert(topic, subscribed);
        self.steps.take(Step {
            subscription,
            epoch,
            asks: Asks::ReplayStart(after),
        });
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, topic: Topic) {
        if self.topics.remove(&topic).is_some() {
            self.steps.forget(topic);
        }
    }

    pub(super) async fn refuse(&mut self, topic: &str, code: Code) -> Result<(), End> {
        let code = code.name();
        self.write(Reply::Error { code, topic }.frame()).await
    }

    /// Takes a subscription a step further.
    pub(super) async fn advance(&mut self, taken: Taken) -> Result<(), End> {
        let Taken {
            subscription,
            epoch,
            found,
        } = taken;
        let topic = subscription.topic;
        let current = self.topics.get(&topic);
        if current.is_none_or(|current| current.number != subscription.number) {
            return Ok(());
        }
        match found {
            Found::ReplayStart(Ok(standing)) => {
                self.begin_at(topic, &standing).await?;
                self.join_or_read(subscription, standing.from, first_bite(), epoch, false)
                    .await
            }
            Found::ReplayStart(Err(problem)) => {
                self.unsubscribe(topic);
                // Whether it is not there or not theirs is nobody's business.
                let code = match problem.code {
                    Code::NotFound => Code::Forbidden,
                    code => code,
                };
                self.refuse(&topic.to_string(), code).await
            }
            Found::Events(before, Ok(events)) => {
                let Events {
                    entries,
                    bite,
                    room,
                } = events;
                let (newest, nothing_left) = match entries.last() {
                    Some(last) => (last.position, false),
                    None => (before, true),
                };
                self.write_events(topic, entries).await?;
                drop(room);
                self.join_or_read(subscription, newest, bite, epoch, nothing_left)
                    .await
            }
            Found::Events(_, Err(problem)) if problem.code == Code::RateLimited => {
                self.give_up(topic, Resync::SlowConsumer).await
            }
            Found::Events(_, Err(problem)) => {
                tracing::debug!(error = %problem, "a replay was interrupted");
                self.give_up(topic, Resync::Unavailable).await
            }
        }
    }

    /// Tells the position to go on from: a client that keeps it and is cut off in the middle of the
    /// replay misses nothing.
    async fn begin_at(&mut self, topic: Topic, standing: &ReplayStart) -> Result<(), End> {
        let text = topic.to_string();
        let subscribed = Reply::Subscribed {
            topic: &text,
            position: standing.from,
            replayed: standing.behind,
            gap: standing.gap,
        };
        self.write(subscribed.frame()).await?;
        if let Some(subscribed) = self.topics.get_mut(&topic) {
            subscribed.target = Some(standing.newest);
            subscribed.visit.reach(standing.from);
        }
        Ok(())
    }

    /// Joins the hub at a position, or reads on from it.
    async fn join_or_read(
        &mut self,
        subscription: Subscription,
        position: Position,
        bite: Bite,
        epoch: u64,
        nothing_left: bool,
    ) -> Result<(), End> {
        let topic = subscription.topic;
        let Some(subscribed) = self.topics.get_mut(&topic) else {
            return Ok(());
        };
        if !nothing_left {
            subscribed.found_nothing = 0;
        }
        let joined = subscribed
            .may_join(position, nothing_left)
            .then(|| subscribed.interest.join(position, epoch));
        let mut pause = Duration::ZERO;
        match joined {
            Some(Joined::Yes) => return Ok(()),
            Some(Joined::Behind(newest)) => {
                subscribed.target = Some(newest);
                if nothing_left {
                    pause = pause_after(subscribed.found_nothing);
                    subscribed.found_nothing += 1;
                }
            }
            Some(Joined::Missed) => subscribed.target = None,
            None => {}
        }
        if subscribed.found_nothing > MOST_IN_VAIN {
            return self.give_up(topic, Resync::Unavailable).await;
        }
        let epoch = subscribed.interest.epoch();
        self.steps.take(Step {
            subscription,
            epoch,
            asks: Asks::Events(position, bite, pause),
        });
        Ok(())
    }

    async fn write_events(&mut self, topic: Topic, events: Vec<Entry>) -> Result<(), End> {
        for entry in events {
            match event_text_frame(topic, entry.position, &entry.event) {
                Some(frame) => self.write(frame).await?,
                None => tracing::error!(position = %entry.position, "a stored event is no JSON"),
            }
            self.reach(topic, entry.position);
        }
        Ok(())
    }

    /// Writes what waits; comes back soon, so that a client that talks is heard.
    pub(super) async fn write_waiting(&mut self) -> Result<(), End> {
        for _ in 0..WRITE_AT_ONCE {
            let Some(item) = self.queue.take() else {
                return Ok(());
            };
            match item {
                Item::Event(topic, position, frame) => {
                    self.write(frame).await?;
                    self.reach(topic, position);
                }
                Item::Overflow(topic) => self.give_up(topic, Resync::SlowConsumer).await?,
                Item::CatchUp(topic, position) => self.catch_up(topic, position),
                Item::Ended(topic) => {
                    self.unsubscribe(topic);
                    self.refuse(&topic.to_string(), Code::NotFound).await?;
                }
            }
        }
        self.queue.wake();
        Ok(())
    }

    fn reach(&mut self, topic: Topic, position: Position) {
        if let Some(subscribed) = self.topics.get_mut(&topic) {
            subscribed.visit.reach(position);
        }
    }

    fn catch_up(&mut self, topic: Topic, position: Position) {
        if let Some(subscribed) = self.topics.get_mut(&topic) {
            subscribed.target = None;
            let subscription = Subscription {
                topic,
                number: subscribed.number,
            };
            let epoch = subscribed.interest.epoch();
            self.steps.take(Step {
                subscription,
                epoch,
                asks: Asks::Events(position, first_bite(), Duration::ZERO),
            });
        }
    }

    async fn give_up(&mut self, topic: Topic, reason: Resync) -> Result<(), End> {
        if !self.topics.contains_key(&topic) {
            return Ok(());
        }
        self.unsubscribe(topic);
        let topic = topic.to_string();
        let resync = Reply::Resync {
            topic: &topic,
            reason,
        };
        self.write(resync.frame()).await
    }
}

/// How long to wait after so many readings that found nothing.
fn pause_after(found_nothing: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(1 << found_nothing.min(10));
    pause.min(LONGEST_PAUSE)
}
