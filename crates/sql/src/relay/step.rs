//! One step of the relay: an append, or what makes the next one possible.
//!
//! Whatever Redis says of the stream is believed only where it can be true: an operator's slip must not reach SQL.

use std::sync::atomic::Ordering;

use redis_access::AccessError;
use redis_contracts::{
    Position, Timestamp,
    script::{AppendReply, Hearing, repair_log},
};
use service_kit::Problem;

use super::{Outbox, Relay};

/// Events of one append at most.
const BATCH_EVENTS: i64 = 128;

/// Events of one append at most while history is filled in: nobody waits for one of them, and each append is
/// an fsync of Redis.
const HISTORY_BATCH_EVENTS: i64 = 512;

/// Bytes of one append at most, but always one event: a quarter of what may wait for a socket, so
/// that an import does not fill its queue at once.
const BATCH_BYTES: usize = 256 << 10;

/// Events that a stream is filled with that Redis has lost, and their bytes: the newest, so that what happens
/// now is live again within 3 s. SQL has the others.
const REFILLED: i64 = 50_000;
const REFILLED_BYTES: i64 = 32 << 20;

/// A stream that is ahead of SQL is believed where its clock may have been so far ahead of Redis': SQL may have
/// been set back. What is further ahead was never appended by a service.
const BELIEVED_AHEAD_MS: i64 = 86_400_000;

/// Where the relay is.
#[derive(Default)]
pub(super) struct Progress {
    /// Unknown after each loss of the link.
    pub(super) place: Option<Place>,
    /// What is appended before this position is history that was published before. It outlasts the link: what
    /// is left of a refill is history still.
    live_from: Position,
}

/// A place in the stream, and in SQL.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The position that the stream holds.
    held: Position,
    /// The position that comes before what is appended next; another where an empty stream is not filled
    /// from the beginning.
    after: Position,
}

impl Place {
    const fn at(held: Position) -> Self {
        Self { held, after: held }
    }
}

/// How a step ended.
pub(super) enum Step {
    /// There may be more.
    Further,
    /// What stood in the way was taken out.
    Repaired,
    /// Nothing is left.
    Done,
    /// Another relay was faster.
    Overtaken,
}

/// Why a step was not made.
pub(super) enum Fault {
    Redis(AccessError),
    Sql(Problem),
}

impl From<AccessError> for Fault {
    fn from(error: AccessError) -> Self {
        Self::Redis(error)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Sql(problem)
    }
}

impl<O: Outbox> Relay<O> {
    /// One append.
    pub(super) async fn step(&self, progress: &mut Progress) -> Result<Step, Fault> {
        let Some(at) = progress.place else {
            return self.ask_held(progress).await;
        };
        let most = if at.after < progress.live_from {
            HISTORY_BATCH_EVENTS
        } else {
            BATCH_EVENTS
        };
        let batch = self.outbox.events_after(at.after, most).await?;
        let pending = &self.committed.pending;
        if batch.is_empty() {
            // Other relays may have taken some, and this one those of others. A commit that is counted
            // only now wakes it, and is set right the same way.
            pending.store(0, Ordering::Relaxed);
            return Ok(Step::Done);
        }
        let batch = fitting::<O>(batch);
        let count = batch.len() as i64;
        // The last event of history is published: whoever missed some of it reads on from there.
        let is_history = batch
            .last()
            .is_some_and(|event| O::position(event) < progress.live_from);
        let hearing = if is_history {
            Hearing::Quiet
        } else {
            Hearing::Live
        };
        match self.append(at.held, batch, hearing).await? {
            AppendReply::Appended(held) => {
                pending.fetch_sub(count, Ordering::Relaxed);
                progress.place = Some(Place::at(held));
                Ok(Step::Further)
            }
            AppendReply::Elsewhere(held) if held > at.held => {
                self.is_ahead(at.held, held, progress).await
            }
            AppendReply::Elsewhere(held) => {
                tracing::warn!(expected = %at.held, %held, "the stream has lost its end");
                self.go_on_from(held, progress).await
            }
            AppendReply::InTheWay(last) => {
                // What is stored was appended by this service, whatever its outbox says.
                let own = if self.outbox.has(last).await? {
                    last
                } else {
                    at.held
                };
                self.take_out(own, progress).await
            }
        }
    }

    /// The stream has gone further than this relay.
    async fn is_ahead(
        &self,
        expected: Position,
        held: Position,
        progress: &mut Progress,
    ) -> Result<Step, Fault> {
        if !self.outbox.has(held).await? {
            return self.take_out(expected, progress).await;
        }
        tracing::debug!(%expected, %held, "another relay was faster");
        progress.place = Some(Place::at(held));
        // It goes on, and need not be raced at each batch.
        Ok(match self.shared {
            true => Step::Overtaken,
            false => Step::Further,
        })
    }

    /// What somebody else has put into the stream after this position becomes dead letters.
    async fn take_out(&self, own: Position, progress: &mut Progress) -> Result<Step, Fault> {
        progress.place = None;
        let stream = O::stream();
        let call = repair_log(stream, O::producer(), own);
        let (taken, _all): (u64, bool) = self.streams.invoke(&call).await?;
        let stream = stream.key(());
        tracing::warn!(stream.name = stream.name(), taken, after = %own,
            "what this service has not appended was in the way; entries are dead letters now");
        Ok(Step::Repaired)
    }

    /// What stands in the stream's place is none.
    pub(super) async fn begin_anew(&self, progress: &mut Progress) -> Result<Step, Fault> {
        let own = match progress.place {
            Some(at) => at.held,
            None => self.outbox.newest_position().await?,
        };
        self.take_out(own, progress).await
    }

    /// What the stream holds, as it says itself.
    async fn ask_held(&self, progress: &mut Progress) -> Result<Step, Fault> {
        let nothing = self.append(Position::START, Vec::new(), Hearing::Quiet);
        match nothing.await? {
            AppendReply::Appended(held)
            | AppendReply::Elsewhere(held)
            | AppendReply::InTheWay(held) => self.go_on_from(held, progress).await,
        }
    }

    async fn go_on_from(&self, held: Position, progress: &mut Progress) -> Result<Step, Fault> {
        let newest = self.outbox.newest_position().await?;
        if held > newest {
            if !self.is_believable(held).await? {
                return self.take_out(newest, progress).await;
            }
            tracing::warn!(held = %held, newest = %newest, "the stream is ahead of the database");
        }
        self.outbox.settle(held, newest).await?;
        let mut place = Place::at(held);
        if held == Position::START {
            place.after = self.refill_after().await?;
            progress.live_from = newest;
        }
        if let Ok(count) = self.outbox.count_after(place.after).await {
            self.committed.pending.store(count, Ordering::Relaxed);
        }
        progress.place = Some(place);
        Ok(Step::Further)
    }

    /// Whether a service may have appended at a position that SQL has not reached.
    async fn is_believable(&self, held: Position) -> Result<bool, AccessError> {
        let latest_ms = self.streams.time_ms().await? + BELIEVED_AHEAD_MS;
        Ok(held.is_packable() && held.unix_ms <= latest_ms.unsigned_abs())
    }

    /// Where a stream that is empty begins: what is older would only be trimmed.
    async fn refill_after(&self) -> Result<Position, Fault> {
        let max_age = O::stream().max_age().unwrap_or_default();
        let max_age_ms = i64::try_from(max_age.as_millis()).unwrap_or(i64::MAX);
        let oldest_ms = Timestamp::now().unix_ms().saturating_sub(max_age_ms);
        let oldest = Position::new(oldest_ms.max(0).unsigned_abs(), 0);
        let before = self.outbox.position_before(REFILLED, REFILLED_BYTES);
        let before = before.await?;
        Ok(before.max(oldest))
    }

    async fn append(
        &self,
        after: Position,
        batch: Vec<O::Event>,
        hearing: Hearing,
    ) -> Result<AppendReply, Fault> {
        let call = O::append(after, batch, hearing);
        let (code, position): (u8, String) = self.streams.invoke(&call).await?;
        let unknown = || Problem::internal("the streams Redis answered what no append does");
        AppendReply::of((code, &position))
            .ok_or_else(unknown)
            .map_err(Fault::Sql)
    }
}

/// The first events whose bytes fit one append.
fn fitting<O: Outbox>(events: Vec<O::Event>) -> Vec<O::Event> {
    let mut bytes = 0;
    let fits = |event: &O::Event| {
        let first = bytes == 0;
        bytes += O::bytes(event);
        first || bytes <= BATCH_BYTES
    };
    events.into_iter().take_while(fits).collect()
}
