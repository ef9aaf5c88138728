//! The loop of one consumer of one group.

use std::{collections::HashSet, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use redis_access::{
    AccessError, Backoff, Elapsed, GroupReader, LinkState, RawEntry, StreamsPool, within,
};
use redis_contracts::{Consumed, DeadLetter, Position, Timestamp, script};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Delivery, Fault, Handler, Outcome, Settled, Timing, TimingFault,
    decode::{decode, kept},
    metrics::{End, Metrics},
};

/// A consumer of a stream's group.
pub struct Worker<H> {
    streams: StreamsPool,
    of: Consumed,
    handler: H,
    timing: Timing,
    consumer: String,
    metrics: Metrics,
    fault: Fault,
}

/// A name for the consumers of this process that no other process has.
pub fn consumer_name(process: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    // Two containers can share a host name and a process id; they do not share a moment.
    let moment = Timestamp::now().unix_ms();
    format!("{process}-{}-{}-{moment}", host.trim(), std::process::id())
}

/// An entry on its way through a batch.
#[derive(Clone)]
struct Item {
    raw: RawEntry,
    attempt: u64,
}

/// How a batch, or an entry of it, ended when it did not end well.
enum Failed {
    /// Nothing is wrong with it: Redis is away, or the group is, or something else stands where it belongs.
    Access(AccessError),
    /// It may be the fault of one of its entries.
    Suspect(String),
}

impl<H: Handler> Worker<H> {
    /// A worker; nothing is read until [`Worker::run`].
    pub fn new(
        streams: StreamsPool,
        of: Consumed,
        consumer: String,
        timing: Timing,
        handler: H,
    ) -> Result<Self, TimingFault> {
        timing.check()?;
        Ok(Self {
            metrics: Metrics::of(of.stream.key(()).name()),
            streams,
            of,
            handler,
            timing,
            consumer,
            fault: Fault::default(),
        })
    }

    /// Why nothing can be read, for as long as it is not for Redis being away.
    pub fn fault(&self) -> Fault {
        self.fault.clone()
    }

    /// Works until `stop`, then finishes what it has read.
    pub async fn run(self, stop: CancellationToken) {
        let mut link = self.streams.link();
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        let mut count = self.timing.batch;
        while !stop.is_cancelled() {
            let is_up = matches!(&*link.borrow_and_update(), LinkState::Up(_));
            if is_up && let Err(error) = self.consume(&stop, &mut backoff, &mut count).await {
                // It may have been too much to send in time.
                count = (count / 2).max(1);
                match error.is_wrong_type() {
                    true => self.say("the key of this name is no stream; it begins anew"),
                    false => self.note(&error),
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                _ = link.changed(), if !is_up => {}
                () = tokio::time::sleep(backoff.next_wait()), if is_up => {}
            }
        }
    }

    /// Reads and works until `stop` or until reading fails. `count` is how many entries are read at once:
    /// less after a failure, more again after each success.
    async fn consume(
        &self,
        stop: &CancellationToken,
        backoff: &mut Backoff,
        count: &mut usize,
    ) -> Result<(), AccessError> {
        let Timing {
            batch,
            block,
            deadline,
            ..
        } = self.timing;
        let stream = self.of.stream.key(());
        let mut reader = self
            .streams
            .group_reader(&stream, self.of.group, &self.consumer, block + 2 * deadline)
            .await?;
        reader.create_group().await?;
        backoff.reset();
        let mut claims = Claims::default();
        let (mut read, mut read_at) = (Vec::new(), Instant::now());
        loop {
            let is_fresh = read.is_empty() || read_at.elapsed() < deadline;
            // Also while new entries keep coming: what a dead worker held has waited longer. Not what this
            // one has read and not begun, and not while what waits for Redis would be called left behind.
            if claims.is_due() && is_fresh && !stop.is_cancelled() && self.is_up() {
                match self.claim(&mut reader, &mut claims, *count).await {
                    Ok(claimed) => read.extend(claimed),
                    // Reading fails as well, once what was read is settled.
                    Err(error) => {
                        tracing::debug!(stream.name = self.stream(), error = %error, "nothing is taken over");
                    }
                }
            }
            if stop.is_cancelled() && read.is_empty() {
                return Ok(());
            }
            // The next batch is read while this one is worked on.
            let (next, ()) = tokio::join!(
                async {
                    match stop.is_cancelled() {
                        true => Ok(Vec::new()),
                        false => reader.next(*count, block).await,
                    }
                },
                self.settle(std::mem::take(&mut read), is_fresh, stop),
            );
            match next {
                Ok(entries) => {
                    self.fault.set(None);
                    *count = (*count * 2).min(batch);
                    read = entries.into_iter().map(Item::first).collect();
                    read_at = Instant::now();
                }
                Err(error) if error.is_no_group() => {
                    tracing::warn!(stream.name = self.stream(), "the group is gone; made anew");
                    reader.create_group().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Entries that a consumer left behind, with the number of their deliveries.
    async fn claim(
        &self,
        reader: &mut GroupReader,
        claims: &mut Claims,
        batch: usize,
    ) -> Result<Vec<Item>, AccessError> {
        let claim_idle = self.timing.claim_idle;
        if claims.cursor == Position::START {
            match reader.join().await {
                Err(error) if error.is_no_group() => return Ok(Vec::new()),
                joined => joined?,
            }
        }
        let claimed = match reader.claim(claims.cursor, claim_idle, batch).await {
            Err(error) if error.is_no_group() => return Ok(Vec::new()),
            answer => answer?,
        };
        claims.move_to(claimed.cursor, self.timing.claim_every);
        if claimed.entries.is_empty() {
            return Ok(Vec::new());
        }
        let deliveries = reader.deliveries(&claimed.entries).await?;
        let items = claimed.entries.into_iter().zip(deliveries);
        Ok(items
            .map(|(raw, deliveries)| Item {
                raw,
                attempt: deliveries.max(1),
            })
            .collect())
    }

    /// Works on a batch until each of its entries is settled or left for later. While Redis is away it
    /// waits, and keeps others from taking over what is not left behind; a stop leaves to them what it
    /// cannot settle.
    async fn settle(&self, mut batch: Vec<Item>, mut is_fresh: bool, stop: &CancellationToken) {
        let longest = self.timing.deadline.min(Duration::from_secs(1));
        let mut backoff = Backoff::new(Duration::from_millis(20), longest);
        while !batch.is_empty() {
            let held = match is_fresh {
                true => Ok(()),
                false => self.hold(&mut batch).await,
            };
            let worked = match held {
                Ok(()) => self.work_on(&batch).await,
                away => away,
            };
            match worked {
                Ok(()) => return,
                // The group made anew delivers them again.
                Err(error) if error.is_no_group() => return,
                Err(error) => self.note(&error),
            }
            is_fresh = false;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        }
    }

    /// Leaves of a batch what this consumer still holds, and holds it for another while: what was settled
    /// is done, and what another has taken over is worked on there.
    async fn hold(&self, batch: &mut Vec<Item>) -> Result<(), AccessError> {
        let positions: Vec<_> = batch.iter().map(|item| item.raw.position).collect();
        let holding = script::hold(self.of, &self.consumer, &positions);
        let held: Vec<String> = self.streams.invoke(&holding).await?;
        let held: HashSet<Position> = held.iter().filter_map(|id| id.parse().ok()).collect();
        batch.retain(|item| held.contains(&item.raw.position));
        Ok(())
    }

    fn is_up(&self) -> bool {
        matches!(&*self.streams.link().borrow(), LinkState::Up(_))
    }

    /// An outage says itself what it is, and is over by itself; anything else is for an operator to mend.
    fn note(&self, error: &AccessError) {
        if error.is_unavailable() && !error.is_refusing() {
            tracing::debug!(stream.name = self.stream(), error = %error, "waiting for Redis");
            return;
        }
        self.say(&error.to_string());
    }

    fn say(&self, reason: &str) {
        if self.fault.set(Some(reason.to_owned())) {
            tracing::warn!(
                stream.name = self.stream(),
                reason,
                "nothing can be consumed"
            );
        }
    }

    async fn work_on(&self, batch: &[Item]) -> Result<(), AccessError> {
        let mut good = Vec::with_capacity(batch.len());
        let mut deliveries = Vec::with_capacity(batch.len());
        for item in batch {
            match self.delivery(item) {
                // Perhaps it ended its workers: it is tried alone, after its neighbours.
                Ok(delivery) if item.attempt > self.timing.most_attempts => {
                    self.together(&good, &deliveries).await?;
                    good.clear();
                    deliveries.clear();
                    self.one_by_one(&[item], &[delivery]).await?;
                }
                Ok(delivery) => {
                    deliveries.push(delivery);
                    good.push(item);
                }
                Err((kept, reason)) => self.bury(item, kept, &reason).await?,
            }
        }
        self.together(&good, &deliveries).await
    }

    async fn together(&self, good: &[&Item], deliveries: &[Delivery]) -> Result<(), AccessError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        match self.attempt(deliveries).await {
            Ok(outcomes) => self.conclude(good, outcomes).await,
            Err(Failed::Access(error)) => Err(error),
            Err(Failed::Suspect(_)) => self.one_by_one(good, deliveries).await,
        }
    }

    /// The event of an entry, or what to bury it with.
    fn delivery(&self, item: &Item) -> Result<Delivery, (String, String)> {
        let event = decode(&item.raw).map_err(|bad| (bad.kept, bad.reason))?;
        // A delivery can be lost without anybody having looked at it, so this is generous.
        if item.attempt > 2 * self.timing.most_attempts {
            let before = item.attempt - 1;
            let reason = format!("given up: {before} deliveries ended without an outcome");
            return Err((kept(&item.raw), reason));
        }
        Ok(Delivery {
            position: item.raw.position,
            attempt: item.attempt,
            event,
        })
    }

    /// One call of the handler, within its deadline; a panic is a failed call, not a dead worker.
    async fn attempt(&self, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failed> {
        let handling = AssertUnwindSafe(self.handler.handle(deliveries)).catch_unwind();
        match within(self.timing.deadline, handling).await {
            Ok(Ok(Ok(outcomes))) if outcomes.len() == deliveries.len() => Ok(outcomes),
            Ok(Ok(Ok(_))) => Err(Failed::Suspect("the handler lost count".to_owned())),
            Ok(Ok(Err(error))) if is_nobodys(&error) => Err(Failed::Access(error)),
            Ok(Ok(Err(error))) => Err(Failed::Suspect(error.to_string())),
            Ok(Err(_panic)) => Err(Failed::Suspect("the handler panicked".to_owned())),
            // Neither the entry's fault nor an attempt.
            Err(Elapsed::Redis(error)) => Err(Failed::Access(error)),
            Err(Elapsed::Work) => Err(Failed::Suspect("the handler took too long".to_owned())),
        }
    }

    /// One of them is bad: each is tried alone, so that it does not stop its neighbours.
    async fn one_by_one(
        &self,
        items: &[&Item],
        deliveries: &[Delivery],
    ) -> Result<(), AccessError> {
        for (item, delivery) in items.iter().zip(deliveries) {
            // With many of them it can take long until it is this one's turn.
            let mut alone = vec![(*item).clone()];
            self.hold(&mut alone).await?;
            if alone.is_empty() {
                continue;
            }
            let outcomes = match self.attempt(std::slice::from_ref(delivery)).await {
                Ok(outcomes) => outcomes,
                Err(Failed::Access(error)) => return Err(error),
                Err(Failed::Suspect(reason)) => vec![Outcome::Retry(reason)],
            };
            self.conclude(&[item], outcomes).await?;
        }
        Ok(())
    }

    async fn conclude(&self, items: &[&Item], outcomes: Vec<Outcome>) -> Result<(), AccessError> {
        let mut done = Vec::new();
        for (item, outcome) in items.iter().zip(outcomes) {
            let position = item.raw.position;
            match outcome {
                Outcome::Settled(settled) => self.metrics.count(settled.into(), position),
                Outcome::Done => done.push(position),
                Outcome::Retry(reason) if item.attempt >= self.timing.most_attempts => {
                    self.bury(item, kept(&item.raw), &reason).await?;
                }
                Outcome::Retry(reason) => {
                    tracing::warn!(stream.name = self.stream(), position = %position, reason, "tried again later");
                    self.metrics.count(End::Retried, position);
                }
                Outcome::Reject(reason) => self.bury(item, kept(&item.raw), &reason).await?,
            }
        }
        if !done.is_empty() {
            self.streams
                .acknowledge(&self.of.stream.key(()), self.of.group, &done)
                .await?;
            for position in done {
                self.metrics.count(End::Done, position);
            }
        }
        Ok(())
    }

    async fn bury(&self, item: &Item, kept: String, reason: &str) -> Result<(), AccessError> {
        let position = item.raw.position;
        let letter = DeadLetter {
            event: kept,
            source_stream: self.stream(),
            source_id: position.to_string(),
            group: self.of.group.to_owned(),
            error: reason.to_owned(),
            attempts: item.attempt,
            failed_at: Timestamp::now(),
        };
        let moved: u64 = self.streams.invoke(&script::dead_letter(&letter)).await?;
        if moved == 1 {
            tracing::warn!(stream.name = letter.source_stream, position = %position, reason, "a dead letter");
            self.metrics.count(End::DeadLettered, position);
        }
        Ok(())
    }

    fn stream(&self) -> String {
        self.of.stream.key(()).name().to_owned()
    }
}

/// Whether no entry can be at fault.
fn is_nobodys(error: &AccessError) -> bool {
    error.is_unavailable() || error.is_no_group() || error.is_wrong_type()
}

impl Item {
    fn first(raw: RawEntry) -> Self {
        Self { raw, attempt: 1 }
    }
}

impl From<Settled> for End {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Applied => Self::Applied,
            Settled::Repeated => Self::Repeated,
            Settled::Gone => Self::Gone,
        }
    }
}

/// Where the look through the pending entries stands, and when it goes on.
#[derive(Default)]
struct Claims {
    cursor: Position,
    due: Option<Instant>,
}

impl Claims {
    fn is_due(&self) -> bool {
        self.due.is_none_or(|due| Instant::now() >= due)
    }

    fn move_to(&mut self, cursor: Position, claim_every: Duration) {
        self.cursor = cursor;
        let is_through = cursor == Position::START;
        self.due = is_through.then(|| Instant::now() + claim_every);
    }
}
