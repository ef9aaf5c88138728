//! Where people were: when a socket leaves a project, the position up to which it was told is
//! remembered, so that next time they are told what changed since.

use redis_access::StreamsPool;
use redis_contracts::{Position, Topic, script::mark_seen};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Departures that may wait, as when a full gateway stops. One that finds no room is forgotten: the
/// next summary then begins a little earlier.
const WAITING: usize = 4096;

/// Remembers where people were. Cheap to clone.
#[derive(Clone)]
pub(super) struct Seen {
    departures: mpsc::Sender<Departure>,
}

struct Departure {
    user_id: Uuid,
    project_id: Uuid,
    position: Position,
}

/// A socket at a topic. When it is dropped, the position it has reached is remembered.
pub(super) struct Visit {
    seen: Seen,
    user_id: Uuid,
    topic: Topic,
    reached: Option<Position>,
}

impl Seen {
    /// Also the task that remembers, until `stop` and what waits then.
    pub(super) fn start(
        streams: StreamsPool,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = anyhow::Result<()>>) {
        let (departures, waiting) = mpsc::channel(WAITING);
        (Self { departures }, remember_until(streams, waiting, stop))
    }

    /// A visit that begins.
    pub(super) fn visit(&self, user_id: Uuid, topic: Topic) -> Visit {
        Visit {
            seen: self.clone(),
            user_id,
            topic,
            reached: None,
        }
    }
}

impl Visit {
    /// The person was told everything up to this position.
    pub(super) const fn reach(&mut self, position: Position) {
        self.reached = Some(position);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let (Topic::Project(project_id), Some(position)) = (self.topic, self.reached) else {
            return;
        };
        let departure = Departure {
            user_id: self.user_id,
            project_id,
            position,
        };
        if self.seen.departures.try_send(departure).is_err() {
            tracing::debug!("where somebody was is not remembered: too many leave at once");
        }
    }
}

async fn remember_until(
    streams: StreamsPool,
    mut waiting: mpsc::Receiver<Departure>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let departure = tokio::select! {
            biased;
            departure = waiting.recv() => departure,
            // Sockets have ended before: nothing more comes.
            () = stop.cancelled() => return Ok(()),
        };
        let Some(departure) = departure else {
            return Ok(());
        };
        let remembered = remember(&streams, &departure).await;
        if stop.is_cancelled() && !remembered {
            return Ok(());
        }
    }
}

async fn remember(streams: &StreamsPool, departure: &Departure) -> bool {
    let Departure {
        user_id,
        project_id,
        position,
    } = *departure;
    let mark = mark_seen(user_id, project_id, position);
    let marked = streams.invoke::<u8>(&mark).await;
    marked
        .inspect_err(
            |error| tracing::debug!(error = %error, "where somebody was is not remembered"),
        )
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_projects_and_only_what_was_reached_is_remembered() {
        let (departures, mut waiting) = mpsc::channel(1);
        let seen = Seen { departures };
        let (user_id, project_id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        drop(seen.visit(user_id, Topic::Project(project_id)));
        let mut own = seen.visit(user_id, Topic::User(user_id));
        own.reach(Position::new(9, 0));
        drop(own);
        assert!(waiting.try_recv().is_err());

        let mut visit = seen.visit(user_id, Topic::Project(project_id));
        visit.reach(Position::new(1, 0));
        visit.reach(Position::new(2, 0));
        drop(visit);
        let departure = waiting.try_recv().expect("one");
        assert_eq!(
            (departure.user_id, departure.project_id, departure.position),
            (user_id, project_id, Position::new(2, 0))
        );
    }
}
