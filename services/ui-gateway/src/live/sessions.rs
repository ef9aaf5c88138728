//! The sessions of open sockets. They are looked at again when Redis tells that one has changed, and the
//! sockets of one that has ended are closed at once.

mod due;
mod rounds;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use identity::{Caller, Guard};
use redis_access::Change;
use redis_contracts::{Timestamp, keys::SESSION};
use service_kit::RequestContext;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    due::Due,
    rounds::{ASK_EVERY, Rounds, TURN},
};

/// Sessions looked at at once.
const AT_ONCE: usize = 64;

/// The sessions of open sockets. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Sessions {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Those that have not ended, as far as is known.
    open: Mutex<HashMap<Uuid, Session>>,
    /// A socket was added whose session was not looked at since.
    added: Notify,
}

struct Session {
    /// As it was seen last, with the newest token.
    caller: Caller,
    ended: CancellationToken,
    sockets: usize,
    is_new: bool,
}

/// A socket's hold on its session.
pub(super) struct Watched {
    sessions: Sessions,
    id: Uuid,
    ended: CancellationToken,
}

impl Watched {
    /// Cancelled when the session has ended.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut open = self.sessions.lock();
        // Of a session that has ended, another may have taken the place: it was taken up again.
        if !self.ended.is_cancelled()
            && let Some(session) = open.get_mut(&self.id)
        {
            session.sockets -= 1;
            if session.sockets == 0 {
                open.remove(&self.id);
            }
        }
    }
}

impl Sessions {
    /// The sessions, and the task that watches them until `stop`.
    pub(super) fn watch(
        guard: Guard,
        stop: CancellationToken,
    ) -> (
        Self,
        impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let sessions = Self::default();
        let watcher = Watcher {
            sessions: sessions.clone(),
            guard,
        };
        let watching = async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = watcher.run() => {}
            }
            Ok(())
        };
        (sessions, watching)
    }

    /// Adds a socket of somebody. Their session is looked at once more: from then on its end is told.
    pub(super) fn join(&self, caller: &Caller) -> Watched {
        let id = caller.session_id;
        let mut open = self.lock();
        let session = open.entry(id).or_insert_with(|| Session {
            caller: caller.clone(),
            ended: CancellationToken::new(),
            sockets: 0,
            is_new: true,
        });
        session.caller = caller.clone();
        session.is_new = true;
        session.sockets += 1;
        let ended = session.ended.clone();
        drop(open);
        self.inner.added.notify_one();
        Watched {
            sessions: self.clone(),
            id,
            ended,
        }
    }

    /// Closes the sockets of a session that has ended.
    pub(super) fn end(&self, id: Uuid) {
        if let Some(session) = self.lock().remove(&id) {
            session.ended.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Session>> {
        self.inner
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_open(&self, id: Uuid) -> bool {
        self.lock().contains_key(&id)
    }

    fn caller(&self, id: Uuid) -> Option<Caller> {
        self.lock().get(&id).map(|session| session.caller.clone())
    }

    /// Keeps a session as it was seen, unless a newer token has come meanwhile.
    fn keep(&self, seen: Caller) {
        if let Some(session) = self.lock().get_mut(&seen.session_id)
            && Arc::ptr_eq(&session.caller.token, &seen.token)
        {
            session.caller = seen;
        }
    }

    fn ids(&self, wanted: impl Fn(&mut Session) -> bool) -> Vec<Uuid> {
        let mut open = self.lock();
        let wanted = open
            .iter_mut()
            .filter_map(|(id, session)| wanted(session).then_some(*id));
        wanted.collect()
    }

    fn all(&self) -> Vec<Uuid> {
        self.ids(|_| true)
    }

    fn new_ones(&self) -> Vec<Uuid> {
        self.ids(|session| std::mem::take(&mut session.is_new))
    }

    /// Those that end now, as far as is known.
    fn over(&self) -> Vec<Uuid> {
        let now = Timestamp::now();
        self.ids(|session| session.caller.expires_at() <= now)
    }
}

struct Watcher {
    sessions: Sessions,
    guard: Guard,
}

impl Watcher {
    async fn run(self) {
        let mut changes = self.guard.tracking().changes();
        let mut ticks = interval(ASK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turns = interval(TURN);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rounds = Rounds::default();
        let mut due = Due::default();
        let mut unknown = HashSet::new();
        let mut looks = FuturesUnordered::new();
        loop {
            while looks.len() < AT_ONCE
                && let Some(id) = due.next()
            {
                looks.push(self.look_at(id));
            }
            tokio::select! {
                Some(look) = looks.next() => {
                    if let Look::Unknown(id) = look {
                        unknown.insert(id);
                    }
                }
                change = changes.next() => match change {
                    Change::All if self.is_told() => due.extend(self.sessions.all()),
                    // While nothing is told, each has its turn.
                    Change::All => {}
                    Change::Key(name) => {
                        let changed = SESSION.id_of(&name);
                        due.first(changed.filter(|id| self.sessions.is_open(*id)));
                    }
                },
                () = self.sessions.inner.added.notified() => due.extend(self.sessions.new_ones()),
                _ = ticks.tick() => {
                    due.extend(self.sessions.over());
                    let unknown = unknown.drain();
                    due.extend(unknown.filter(|_| self.is_told()));
                }
                _ = turns.tick(), if !self.is_told() => {
                    due.extend(rounds.turn(Instant::now(), || self.sessions.all()));
                }
            }
        }
    }

    /// Whether Redis tells what changes.
    fn is_told(&self) -> bool {
        self.guard.tracking().is_alive()
    }

    /// Looks at a session; one that nobody can be asked about lives on until somebody can.
    async fn look_at(&self, id: Uuid) -> Look {
        let Some(caller) = self.sessions.caller(id) else {
            return Look::Done;
        };
        let context = RequestContext::from_headers(None, None);
        match self.guard.check_again(&caller, &context).await {
            Ok(seen) => self.sessions.keep(seen),
            Err(problem) if problem.code.http_status() == 401 => self.sessions.end(id),
            Err(_) => return Look::Unknown(id),
        }
        Look::Done
    }
}

enum Look {
    Done,
    Unknown(Uuid),
}
