//! Hot copies of sessions and machine tokens in the cache Redis, signed. SQL is changed first; what Redis
//! did not hear of is repeated until it has.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::future::join_all;

use redis_access::{Backoff, CachePool, LinkState};
use redis_contracts::{COPY_GOOD_FOR, Timestamp, script::put_session};
use service_kit::{Code, Problem};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    domain::secret::random,
    store::{Heard, MachineRow, SessionRow, Store},
    tokens::Tokens,
};

/// Copies written between two looks at SQL.
const BATCH: i64 = 100;

/// Copies that Redis has, and SQL is not told of yet. One that finds no place is written again.
const HEARD_WAITING: usize = 4096;

/// Copies that SQL is told of in one commit.
const HEARD_TOGETHER: usize = 256;

/// Forged copies that are replaced for one good one. Whoever writes them faster is to be stopped at
/// Redis; meanwhile auth-service is asked.
const ATTEMPTS: usize = 4;

/// Copies of one person that are written before an answer. They have no more, but for sessions and tokens
/// that ended; the rest follows behind it.
const TOLD_AT_ONCE: i64 = 1000;

/// Copies that are on their way to Redis at the same time.
const ON_THE_WAY: usize = 32;

/// Where other replicas may leave something unheard, one looks this often, and some more so that they do not
/// all look at once. What was unheard at the look before as well is nobody's.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Replicas that see Redis come back wait for up to this, so that the first of them can tell for all.
const SPREAD_MS: u16 = 500;

/// A copy of what has ended outlives every access token of it by this, so that no late write can
/// bring it back.
const ENDED_MARGIN: Duration = Duration::from_secs(60);

/// Something that has a hot copy.
#[derive(Clone, Copy)]
pub enum Copied<'a> {
    /// A session.
    Session(&'a SessionRow),
    /// A machine token.
    Machine(&'a MachineRow),
}

/// Writes hot copies. Cheap to clone.
#[derive(Clone)]
pub struct Copies {
    store: Store,
    cache: CachePool,
    tokens: Arc<Tokens>,
    ended_ttl: Duration,
    unheard: Arc<Notify>,
    heard: mpsc::Sender<Heard>,
}

/// A change on its way through SQL to Redis. When it ends before Redis has heard, because Redis is
/// away or the caller hung up, the task that repeats is woken.
pub struct Telling<'a> {
    copies: &'a Copies,
    done: bool,
}

/// Repeats what Redis did not hear.
pub struct Repeating {
    copies: Copies,
    shared: bool,
}

/// Tells SQL what Redis has heard.
pub struct Hearing {
    store: Store,
    heard: mpsc::Receiver<Heard>,
    unheard: Arc<Notify>,
}

impl Copies {
    /// Writes copies of what this store holds into this cache, signed with the key of these tokens.
    /// `access_ttl` is the life of an access token. `shared`: other replicas do so too.
    pub fn new(
        store: Store,
        cache: CachePool,
        tokens: Arc<Tokens>,
        access_ttl: Duration,
        shared: bool,
    ) -> (Self, Repeating, Hearing) {
        let (heard, waiting) = mpsc::channel(HEARD_WAITING);
        let copies = Self {
            store: store.clone(),
            cache,
            tokens,
            ended_ttl: access_ttl + ENDED_MARGIN,
            unheard: Arc::default(),
            heard,
        };
        let hearing = Hearing {
            store,
            heard: waiting,
            unheard: Arc::clone(&copies.unheard),
        };
        let repeating = Repeating {
            copies: copies.clone(),
            shared,
        };
        (copies, repeating, hearing)
    }

    /// Begins to tell of a change; taken before SQL is changed.
    pub const fn telling(&self) -> Telling<'_> {
        Telling {
            copies: self,
            done: false,
        }
    }

    /// What was changed is told behind the answer.
    pub fn tell_later(&self) {
        self.unheard.notify_one();
    }

    /// Restores the copy of what did not change.
    pub async fn restore(&self, copied: Copied<'_>) {
        if let Err(problem) = self.put_as_it_is(copied).await {
            tracing::debug!(session.id = %copied.id(), error = %problem, "a hot copy is not restored");
        }
    }

    /// Looks at SQL once more: what ended just before the copy was written would live on where Redis
    /// has lost the copy that said so.
    async fn put_as_it_is(&self, copied: Copied<'_>) -> Result<(), Problem> {
        self.put(copied).await?;
        match copied {
            Copied::Session(row) => match self.store.session(row.id).await? {
                Some(now) if now.version != row.version => self.put(Copied::Session(&now)).await,
                _ => Ok(()),
            },
            Copied::Machine(row) => match self.store.machine_token(row.id).await? {
                Some(now) if now.version != row.version => self.put(Copied::Machine(&now)).await,
                _ => Ok(()),
            },
        }
    }

    async fn tell(&self, copied: Copied<'_>) -> Result<Heard, Problem> {
        self.put(copied).await?;
        Ok(copied.heard())
    }

    async fn put(&self, copied: Copied<'_>) -> Result<(), Problem> {
        let (left, record) = match copied {
            Copied::Session(row) => (left(row.is_live(), row.expires_at), row.record()),
            Copied::Machine(row) => (left(row.is_live(), row.expires_at), row.record()),
        };
        let (id, rank, ttl) = (copied.id(), record.rank(), left.unwrap_or(self.ended_ttl));
        let copy = self.tokens.sign_copy(id, record)?;
        let mut forged = Vec::new();
        for _ in 0..ATTEMPTS {
            let call = put_session(id, &copy, rank, ttl, &forged);
            let better: Option<Vec<u8>> = self.cache.invoke(&call).await?;
            match better {
                Some(held) if !self.tokens.is_good_copy(id, &held).await? => forged = held,
                _ => return Ok(()),
            }
        }
        Err(Problem::new(
            Code::Conflict,
            "Somebody else writes this hot copy.",
        ))
    }
}

/// How long something is live from now on.
fn left(is_live: bool, expires_at: Timestamp) -> Option<Duration> {
    let left_ms = expires_at.unix_ms() - Timestamp::now().unix_ms();
    is_live.then(|| Duration::from_millis(left_ms.max(1).unsigned_abs()))
}

fn up_to(most_ms: u16) -> Result<Duration, Problem> {
    let ms = u16::from_le_bytes(random()?) % most_ms;
    Ok(Duration::from_millis(ms.into()))
}

impl Copied<'_> {
    const fn id(self) -> Uuid {
        match self {
            Self::Session(row) => row.id,
            Self::Machine(row) => row.id,
        }
    }

    const fn heard(self) -> Heard {
        match self {
            Self::Session(row) => Heard {
                machine: false,
                id: row.id,
                version: row.version,
            },
            Self::Machine(row) => Heard {
                machine: true,
                id: row.id,
                version: row.version,
            },
        }
    }
}

impl Telling<'_> {
    /// Writes the copies of what was changed in SQL, where the change counts either way; `false` when
    /// that has to be repeated.
    pub async fn tell(mut self, changed: &[Copied<'_>]) -> bool {
        for copied in changed {
            match self.copies.tell(*copied).await {
                Ok(heard) => {
                    // One that finds no place stays unheard, and is written again.
                    if self.copies.heard.try_send(heard).is_err() {
                        self.copies.unheard.notify_one();
                    }
                }
                Err(problem) => {
                    tracing::debug!(session.id = %copied.id(), error = %problem, "a hot copy is written later");
                    return false;
                }
            }
        }
        self.done = true;
        true
    }

    /// Writes all copies of a person that Redis has not heard of; `false` when that has to be repeated.
    pub async fn tell_all(mut self, user_id: Uuid) -> bool {
        self.done = match self.copies.tell_person(user_id).await {
            Ok(all) => all,
            Err(problem) => {
                tracing::debug!(user.id = %user_id, error = %problem, "hot copies are written later");
                false
            }
        };
        self.done
    }

    /// Nothing was changed.
    pub fn nothing(mut self) {
        self.done = true;
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.copies.unheard.notify_one();
        }
    }
}

impl Hearing {
    /// Runs until `stop`; what waits shares a commit.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut together = Vec::with_capacity(HEARD_TOGETHER);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = self.heard.recv_many(&mut together, HEARD_TOGETHER) => {}
            }
            if let Err(problem) = self.store.heard(&together).await {
                tracing::debug!(error = %problem, "copies are written again");
                self.unheard.notify_one();
            }
            together.clear();
        }
    }
}

impl Repeating {
    /// Repeats until `stop`, whenever there is something or Redis is back.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { copies, shared } = self;
        let mut link = copies.cache.link();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut reached = None;
        let mut left = HashSet::new();
        loop {
            let made = match &*link.borrow_and_update() {
                LinkState::Up(made) => Some(*made),
                LinkState::Connecting | LinkState::Down(_) => None,
            };
            let up = made.is_some();
            // Redis may have come back with older data, in which what has ended is live.
            let turn = match up && made != reached {
                true => copies.unhear_ended(shared).await,
                false => Ok(true),
            };
            let mut failed = turn.is_err();
            if up && !failed {
                reached = made;
                failed = turn == Ok(true) && !copies.repeat_all().await;
            }
            if !failed {
                backoff.reset();
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Ok(()) = link.changed() => {}
                () = copies.unheard.notified(), if up && !failed => {}
                () = copies.until_something_is_left(&mut left), if up && !failed && shared => {}
                () = tokio::time::sleep(backoff.next_wait()), if failed => {}
            }
        }
    }
}

impl Copies {
    /// All that ended while live copies of it may be good is to be told again; `false` when another replica
    /// has seen to that since the link to Redis was made.
    async fn unhear_ended(&self, shared: bool) -> Result<bool, Problem> {
        let times = self.store.times_retold().await?;
        if shared {
            tokio::time::sleep(up_to(SPREAD_MS)?).await;
        }
        let good_ms = i64::try_from(COPY_GOOD_FOR.as_millis()).unwrap_or(i64::MAX);
        let now_ms = Timestamp::now().unix_ms();
        let since = Timestamp::from_unix_ms(now_ms.saturating_sub(good_ms));
        self.store.unhear_ended_since(since, times).await
    }

    /// Returns when something is unheard that was so at the look before: what a replica tells right now is
    /// mostly heard by then.
    async fn until_something_is_left(&self, before: &mut HashSet<(Uuid, u64)>) {
        loop {
            let more = up_to(SPREAD_MS).unwrap_or_default();
            tokio::time::sleep(LOOK_EVERY + more).await;
            let Ok(unheard) = self.unheard_now().await else {
                continue;
            };
            let is_left = unheard.iter().any(|copy| before.contains(copy));
            *before = unheard;
            if is_left {
                return;
            }
        }
    }

    async fn unheard_now(&self) -> Result<HashSet<(Uuid, u64)>, Problem> {
        let sessions = self.store.unheard_sessions(BATCH).await?;
        let machines = self.store.unheard_machine_tokens(BATCH).await?;
        let sessions = sessions.iter().map(|row| (row.id, row.version));
        let machines = machines.iter().map(|row| (row.id, row.version));
        Ok(sessions.chain(machines).collect())
    }

    /// `false` when something is left.
    async fn repeat_all(&self) -> bool {
        loop {
            match self.repeat_some().await {
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Whether anything was repeated.
    async fn repeat_some(&self) -> Result<bool, Problem> {
        let sessions = self.store.unheard_sessions(BATCH).await?;
        let machines = self.store.unheard_machine_tokens(BATCH).await?;
        let (heard, _) = self.write_all(&sessions, &machines).await?;
        Ok(heard)
    }

    /// Whether all was told.
    async fn tell_person(&self, user_id: Uuid) -> Result<bool, Problem> {
        let sessions = self
            .store
            .unheard_sessions_of(user_id, TOLD_AT_ONCE)
            .await?;
        let machines = self.store.unheard_machine_tokens_of(user_id).await?;
        let (_, all) = self.write_all(&sessions, &machines).await?;
        Ok(all && sessions.len() < usize::try_from(TOLD_AT_ONCE).unwrap_or(usize::MAX))
    }

    /// Writes copies, and tells SQL what Redis has heard: whether any, and whether all. One that Redis
    /// refuses holds up no other.
    async fn write_all(
        &self,
        sessions: &[SessionRow],
        machines: &[MachineRow],
    ) -> Result<(bool, bool), Problem> {
        let sessions = sessions.iter().map(Copied::Session);
        let copies: Vec<_> = sessions
            .chain(machines.iter().map(Copied::Machine))
            .collect();
        let mut heard = Vec::with_capacity(copies.len());
        let mut away = None;
        for some in copies.chunks(ON_THE_WAY) {
            let told = join_all(some.iter().map(|copied| self.tell(*copied))).await;
            for (copied, outcome) in some.iter().zip(told) {
                match outcome {
                    Ok(told) => heard.push(told),
                    Err(problem) if problem.code == Code::Unavailable => away = Some(problem),
                    Err(problem) => {
                        tracing::warn!(session.id = %copied.id(), error = %problem, "a hot copy is refused");
                    }
                }
            }
            if away.is_some() {
                break;
            }
        }
        if !heard.is_empty() {
            self.store.heard(&heard).await?;
        }
        match away {
            Some(problem) => Err(problem),
            None => Ok((!heard.is_empty(), heard.len() == copies.len())),
        }
    }
}
