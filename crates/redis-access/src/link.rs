//! The watched link to an instance: one connection that is kept, checked and made again with a
//! jittered back-off, so that everyone else knows at once whether asking is worth it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redis::{PushInfo, PushKind, aio::MultiplexedConnection};
use redis_contracts::Instance;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{AccessError, Backoff, client::Connector, metrics::Metrics, server::Server};

/// Checks are so far apart at least, however many callers suspect something.
const CHECKS_APART: Duration = Duration::from_millis(100);

/// While something is the matter, it is looked at this often whether it is over.
const CHECK_TROUBLE: Duration = Duration::from_millis(500);

/// Whether the instance can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Not reached yet.
    Connecting,
    /// Reached; the number grows with each time the link was made.
    Up(u64),
    /// Lost, and why.
    Down(String),
}

/// A view of the link that wakes when it changes.
pub type LinkWatch = watch::Receiver<LinkState>;

pub(crate) struct Link {
    instance: Instance,
    state: watch::Sender<LinkState>,
    suspicion: Notify,
    trouble: Mutex<Troubles>,
    /// When it was made last.
    made_at: Mutex<Instant>,
    metrics: Metrics,
}

/// What is the matter although the link is up.
#[derive(Clone, Debug, Default)]
struct Troubles {
    /// Why the latest connection could not be opened.
    opening: Option<String>,
    /// Why no writes are taken.
    writing: Option<&'static str>,
}

/// The link as it was when a connection was opened beside it.
pub(crate) struct LinkVersion {
    link: Arc<Link>,
    made: u64,
}

impl LinkVersion {
    /// Fails when the link was made anew since: the connection may lead to a server that is no longer
    /// the one to ask, though it never broke.
    pub(crate) fn check(&self) -> Result<(), AccessError> {
        match &*self.link.state.borrow() {
            LinkState::Up(made) if *made != self.made => Err(AccessError::lost(
                self.link.instance,
                "opened before the link was made anew",
            )),
            _ => Ok(()),
        }
    }

    /// Whether the link still is the one that was made as the how manyth.
    pub(crate) const fn is_of(&self, made: u64) -> bool {
        self.made == made
    }

    /// Waits until the link is lost.
    pub(crate) async fn until_lost(&self) {
        let mut state = self.link.watch();
        // Its sender lives in the link, so that waiting cannot fail.
        let _ = state
            .wait_for(|state| *state != LinkState::Up(self.made))
            .await;
    }
}

impl Link {
    pub(crate) fn new(instance: Instance, metrics: Metrics) -> Self {
        Self {
            instance,
            state: watch::Sender::new(LinkState::Connecting),
            suspicion: Notify::new(),
            trouble: Mutex::default(),
            made_at: Mutex::new(Instant::now()),
            metrics,
        }
    }

    pub(crate) fn watch(&self) -> LinkWatch {
        self.state.subscribe()
    }

    /// Fails at once while the instance is known to be away; else the how manyth time the link was made.
    pub(crate) fn require_up(&self) -> Result<u64, AccessError> {
        match &*self.state.borrow() {
            LinkState::Up(made) => Ok(*made),
            LinkState::Connecting => Err(AccessError::away(self.instance, "not connected yet")),
            LinkState::Down(reason) => Err(AccessError::away(self.instance, reason)),
        }
    }

    /// Fails at once while connections are known not to be had; who keeps the link goes on trying.
    pub(crate) fn require_opening(&self) -> Result<(), AccessError> {
        match &self.trouble().opening {
            None => Ok(()),
            Some(reason) => Err(AccessError::away(self.instance, reason)),
        }
    }

    /// To open a connection beside it.
    pub(crate) fn standing(self: &Arc<Self>) -> Result<LinkVersion, AccessError> {
        let made = self.require_up()?;
        Ok(LinkVersion {
            link: Arc::clone(self),
            made,
        })
    }

    /// Whether it was made after this moment.
    pub(crate) fn was_made_since(&self, moment: Instant) -> bool {
        *self.made_at() > moment
    }

    fn made_at(&self) -> MutexGuard<'_, Instant> {
        self.made_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What keeps callers from being served.
    pub(crate) fn fault(&self) -> Option<String> {
        match &*self.state.borrow() {
            LinkState::Connecting => Some("not connected yet".to_owned()),
            LinkState::Down(reason) => Some(reason.clone()),
            LinkState::Up(_) => {
                let opening = self.trouble().opening.clone();
                opening.map(|reason| format!("no new connection can be opened: {reason}"))
            }
        }
    }

    /// Why the instance takes no writes, while it answers.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        self.trouble().writing
    }

    /// Asks for a check now: a command failed in a way that may mean the instance is gone.
    pub(crate) fn suspect(&self) {
        self.suspicion.notify_one();
    }

    /// A connection was opened, or could not be.
    pub(crate) fn opened(&self, failed: Option<&AccessError>) {
        let reason = failed.map(|error| match error {
            AccessError::Unavailable { reason, .. } => reason.clone(),
            other => other.to_string(),
        });
        let before = std::mem::replace(&mut self.trouble().opening, reason.clone());
        if let (None, Some(reason)) = (&before, &reason) {
            self.suspect();
            if self.require_up().is_ok() {
                tracing::warn!(redis.instance = %self.instance, reason, "no connection to Redis can be opened");
            }
        }
    }

    fn note_refusal(&self, refusal: Option<&'static str>) {
        let before = std::mem::replace(&mut self.trouble().writing, refusal);
        if let (None, Some(reason)) = (before, refusal) {
            tracing::warn!(redis.instance = %self.instance, reason, "Redis takes no writes");
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Troubles> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the link until `stop`.
    pub(crate) async fn keep(
        &self,
        connector: &Connector,
        health_check: Duration,
        stop: &CancellationToken,
    ) {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        let mut made = 0;
        while !stop.is_cancelled() {
            let lost = tokio::select! {
                () = stop.cancelled() => return,
                lost = self.hold(connector, health_check, &mut made, &mut backoff) => lost,
            };
            self.metrics.up.set(0.0);
            self.metrics.errors.inc();
            if !matches!(&*self.state.borrow(), LinkState::Down(_)) {
                tracing::warn!(redis.instance = %self.instance, reason = %lost, "Redis is away");
            }
            self.state.send_replace(LinkState::Down(lost.to_string()));
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(backoff.next_wait()) => {}
            }
        }
    }

    /// Connects and holds; returns why the link was lost.
    async fn hold(
        &self,
        connector: &Connector,
        health_check: Duration,
        made: &mut u64,
        backoff: &mut Backoff,
    ) -> AccessError {
        let closed = Arc::new(Notify::new());
        let on_push = {
            let closed = Arc::clone(&closed);
            move |push: PushInfo| -> Result<(), ()> {
                if push.kind == PushKind::Disconnection {
                    closed.notify_one();
                }
                Ok(())
            }
        };
        let connection = match connector.connect_pushing(on_push).await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        let server = match Server::ask(self.instance, &connection).await {
            Ok(server) => server,
            Err(error) => return error,
        };
        *made += 1;
        if *made > 1 {
            self.metrics.reconnects.inc();
            tracing::info!(redis.instance = %self.instance, "Redis is back");
        }
        self.metrics.up.set(1.0);
        backoff.reset();
        self.note_refusal(server.refusal);
        *self.made_at() = Instant::now();
        self.state.send_replace(LinkState::Up(*made));
        tokio::select! {
            () = closed.notified() => AccessError::away(self.instance, "connection closed"),
            lost = self.check_until_lost(connector, &connection, &server, health_check) => lost,
        }
    }

    async fn check_until_lost(
        &self,
        connector: &Connector,
        connection: &MultiplexedConnection,
        server: &Server,
        health_check: Duration,
    ) -> AccessError {
        loop {
            sleep(CHECKS_APART).await;
            let next = match self.fault().is_some() || self.refusal().is_some() {
                true => CHECK_TROUBLE.min(health_check),
                false => health_check,
            };
            tokio::select! {
                () = self.suspicion.notified() => {}
                () = sleep(next) => {}
            }
            if let Err(lost) = self.check(connector, connection, server).await {
                return lost;
            }
            self.metrics.up.set(f64::from(self.fault().is_none()));
        }
    }

    async fn check(
        &self,
        connector: &Connector,
        connection: &MultiplexedConnection,
        server: &Server,
    ) -> Result<(), AccessError> {
        let now = Server::ask(self.instance, connection).await?;
        now.must_be(server, self.instance)?;
        self.note_refusal(now.refusal);
        // What callers need can be opened, and still leads to the same server: a name or a proxy may lead
        // elsewhere by now. That it cannot be opened is noted, and loses nothing that is open.
        if let Ok(opened) = connector.connect().await {
            let opened = Server::ask(self.instance, &opened).await?;
            opened.must_be(server, self.instance)?;
        }
        Ok(())
    }
}
