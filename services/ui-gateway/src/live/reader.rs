//! The one Redis subscription of the process. When it broke, what was missed is read before going on:
//! clients see delay, never a gap. The events of projects are read once for all; what people are told
//! is in a stream for each, so each socket reads for itself.

use std::{sync::Arc, time::Duration};

use redis_access::{AccessError, Backoff, LinkState, PushLost, StreamsPool};
use redis_contracts::{LIVE_AI, LIVE_PROJECTS, LiveMessage, Topic};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{hub::Hub, project_stream::ProjectStream};

struct Reader {
    streams: StreamsPool,
    hub: Arc<Hub>,
    projects: ProjectStream,
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
        projects: ProjectStream::new(streams.clone(), Arc::clone(&hub)),
        streams,
        hub,
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
    /// Subscribes, makes up for what was missed, then hands out what comes.
    async fn listen(
        &mut self,
        hearing: &watch::Sender<bool>,
        backoff: &mut Backoff,
    ) -> Result<(), Interrupted> {
        let channels = [&LIVE_PROJECTS, &LIVE_AI];
        let mut subscription = self.streams.subscribe(&channels).await?;
        self.projects.resume().await?;
        self.hub.catch_up(|topic| matches!(topic, Topic::User(_)));
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
        match message.topic.parse() {
            Ok(Topic::Project(_)) => self.projects.take(message).await?,
            Ok(topic @ Topic::User(_)) => self.hub.publish(topic, message.position, message.event),
            Err(_) => tracing::error!(topic = message.topic, "a live message has no known topic"),
        }
        Ok(())
    }
}
