//! The one Redis subscription of the process. When it broke, or a message is missing, what was missed
//! is read from the stream before going on: clients see delay, never a gap.

use std::{sync::Arc, time::Duration};

use redis_access::{AccessError, Backoff, LinkState, PushConnection, PushLost, StreamsPool};
use redis_contracts::{
    LIVE_PROJECTS, LiveMessage, PROJECTS, Position, Topic, event::PROJECT_DELETED,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{hub::Hub, metrics::REPAIRS};

/// Entries read at once when something was missed.
const BATCH: usize = 200;

/// The fields of an event that delivery looks at.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    type_name: std::borrow::Cow<'a, str>,
    project_id: Option<Uuid>,
}

struct Reader {
    streams: StreamsPool,
    hub: Arc<Hub>,
    /// The last event handed out; unknown until the stream was reached once.
    last: Option<Position>,
}

/// Why reading was interrupted.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Lost(#[from] PushLost),
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// Reads until `stop`; `hearing` tells whether events are heard of as they happen.
pub(super) async fn read_until(
    streams: StreamsPool,
    hub: Arc<Hub>,
    hearing: watch::Sender<bool>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut link = streams.link();
    let mut reader = Reader {
        streams,
        hub,
        last: None,
    };
    let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
    loop {
        let interrupted = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Err(interrupted) = reader.listen(&hearing, &mut backoff) => interrupted,
        };
        if hearing.send_replace(false) {
            tracing::warn!(reason = %interrupted, "live events are not heard of; they will be read");
        }
        let up = matches!(&*link.borrow_and_update(), LinkState::Up(_));
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Ok(()) = link.changed(), if !up => {}
            () = tokio::time::sleep(backoff.next_wait()), if up => {}
        }
    }
}

impl Reader {
    /// Subscribes, reads what was missed, then hands out what comes.
    async fn listen(
        &mut self,
        hearing: &watch::Sender<bool>,
        backoff: &mut Backoff,
    ) -> Result<(), Interrupted> {
        let mut subscription: PushConnection<String> =
            self.streams.subscribe(&LIVE_PROJECTS).await?;
        match self.last {
            Some(last) => self.read_missed(last).await?,
            None => {
                self.last = Some(self.streams.newest_position(&PROJECTS.key(())).await?);
                self.hub.catch_up_all();
            }
        }
        backoff.reset();
        hearing.send_replace(true);
        loop {
            let text = subscription.next().await?;
            match serde_json::from_str::<LiveMessage<'_>>(&text) {
                Ok(message) => self.take(&message).await?,
                Err(error) => tracing::error!(error = %error, "a live message cannot be read"),
            }
        }
    }

    async fn take(&mut self, message: &LiveMessage<'_>) -> Result<(), Interrupted> {
        let last = self.last.unwrap_or_default();
        // A stream that lost its tail is refilled with what was handed out before.
        if message.position <= last {
            return Ok(());
        }
        if message.previous != last {
            self.read_missed(last).await?;
        }
        // The stream has the last word: a message that does not follow on it is not handed out.
        if self.last == Some(message.previous) {
            self.hand_out(message.position, message.event);
        }
        Ok(())
    }

    /// Hands out the events of the stream after `last`.
    async fn read_missed(&mut self, last: Position) -> Result<(), Interrupted> {
        REPAIRS.inc();
        let mut from = last;
        loop {
            let entries = self
                .streams
                .entries_from(&PROJECTS.key(()), from, BATCH)
                .await?;
            let Some(newest) = entries.last().map(|entry| entry.position) else {
                // The stream lost its tail; it will be refilled under the same positions.
                return Ok(());
            };
            let joins = entries.first().is_some_and(|entry| entry.position == from)
                || from == Position::START;
            if !joins {
                // What came right after is no longer in the stream.
                self.last = Some(newest);
                self.hub.catch_up_all();
                return Ok(());
            }
            for entry in &entries {
                if Some(entry.position) > self.last {
                    match serde_json::from_str::<&RawValue>(&entry.event) {
                        Ok(event) => self.hand_out(entry.position, event),
                        Err(error) => {
                            tracing::error!(position = %entry.position, error = %error, "no JSON in the stream")
                        }
                    }
                }
            }
            if entries.len() < BATCH {
                return Ok(());
            }
            from = newest;
        }
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
