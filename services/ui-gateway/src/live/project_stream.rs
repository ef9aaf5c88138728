//! Following the stream of all projects: each message says which event it follows on, so that a hole
//! shows, and what was missed is read from the stream before going on.

use std::{borrow::Cow, sync::Arc};

use redis_access::{AccessError, StreamsPool};
use redis_contracts::{LiveMessage, PROJECTS, Position, Topic, event::PROJECT_DELETED};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{bite::Bite, hub::Hub, metrics::REPAIRS};

/// Entries read at once when something was missed, and about so many bytes.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 4 << 20;

/// The fields of an event that delivery looks at.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    type_name: Cow<'a, str>,
    project_id: Option<Uuid>,
}

/// How far the stream was handed out.
pub(super) struct ProjectStream {
    streams: StreamsPool,
    hub: Arc<Hub>,
    /// The last event handed out; unknown until the stream was reached once.
    last: Option<Position>,
    /// How much is read at once; it stays small after a reading that took too long.
    bite: Bite,
}

impl ProjectStream {
    pub(super) const fn new(streams: StreamsPool, hub: Arc<Hub>) -> Self {
        Self {
            streams,
            hub,
            last: None,
            bite: Bite::new(BATCH, BATCH_BYTES),
        }
    }

    /// A subscription begins: hands out what was missed before it.
    pub(super) async fn resume(&mut self) -> Result<(), AccessError> {
        match self.last {
            Some(last) => self.read_missed(last).await,
            None => {
                self.last = Some(self.streams.newest_position(&PROJECTS.key(())).await?);
                self.catch_up_all();
                Ok(())
            }
        }
    }

    /// Hands out a message that follows on the last one, and what is missing between.
    pub(super) async fn take(&mut self, message: &LiveMessage<'_>) -> Result<(), AccessError> {
        let last = self.last.unwrap_or_default();
        // A stream that lost its tail is refilled with what was handed out before.
        if message.position <= last {
            return Ok(());
        }
        if message.previous != last {
            self.read_missed(last).await?;
        }
        // The stream has the last word: a message that does not follow on what was read is not handed out.
        // It is not lost: who missed it reads it after `catch_up`, or with the next message.
        if self.last == Some(message.previous) {
            self.hand_out(message.position, message.event);
        }
        Ok(())
    }

    /// Hands out the events of the stream after `last`.
    async fn read_missed(&mut self, last: Position) -> Result<(), AccessError> {
        REPAIRS.inc();
        let mut from = last;
        loop {
            // Two: the first is the one it goes on from.
            let count = self.bite.entries().max(2);
            let read = self
                .streams
                .entries_from(&PROJECTS.key(()), from, count)
                .await;
            let entries = read.inspect_err(|_| self.bite = self.bite.halved())?;
            self.bite = self.bite.after(&entries);
            let Some(newest) = entries.last().map(|entry| entry.position) else {
                // The stream lost its tail; it will be refilled under the same positions.
                return Ok(());
            };
            let joins = entries.first().is_some_and(|entry| entry.position == from)
                || from == Position::START;
            if !joins {
                // What came right after is no longer in the stream.
                self.last = Some(newest);
                self.catch_up_all();
                return Ok(());
            }
            for entry in &entries {
                if Some(entry.position) > self.last {
                    match serde_json::from_str::<&RawValue>(&entry.event) {
                        Ok(event) => self.hand_out(entry.position, event),
                        Err(error) => {
                            tracing::warn!(position = %entry.position, error = %error, "what is no event is passed over")
                        }
                    }
                }
            }
            if entries.len() < count {
                return Ok(());
            }
            from = newest;
        }
    }

    fn catch_up_all(&self) {
        self.hub
            .catch_up(|topic| matches!(topic, Topic::Project(_)));
    }

    fn hand_out(&mut self, position: Position, event: &RawValue) {
        self.last = Some(position);
        let head = match serde_json::from_str::<Head<'_>>(event.get()) {
            Ok(head) => head,
            Err(error) => {
                tracing::error!(position = %position, error = %error, "an event cannot be read");
                return;
            }
        };
        let Some(topic) = head.project_id.map(Topic::Project) else {
            return;
        };
        self.hub.publish(topic, position, event);
        if head.type_name == PROJECT_DELETED {
            self.hub.end(topic);
        }
    }
}
