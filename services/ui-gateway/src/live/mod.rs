//! Live updates: one Redis subscription for the whole process, and what each socket hears of it.
//!
//! An event comes in once ([`reader`], [`project_stream`]), goes to the sockets that listen to its topic ([`hub`]), waits
//! in each one's bounded queue ([`queue`]) and is written by the socket's own task ([`socket`]). A
//! socket that subscribes with a position first reads what it missed ([`history`]) and joins when it
//! has caught up. Sockets live as long as their session ([`sessions`]); how far they were told of a
//! project is remembered when they leave it ([`seen`]).

mod bite;
mod history;
mod hub;
mod metrics;
mod project_stream;
mod protocol;
mod queue;
mod reader;
mod replay;
mod seen;
mod sessions;
mod socket;

use std::sync::Arc;

use actix_web::HttpRequest;
use identity::Guard;
use redis_access::StreamsPool;
use service_kit::{Code, Context, Problem, Stage};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{history::History, hub::Hub, metrics::Refused, seen::Seen, sessions::Sessions};
use crate::{
    connections::{self, Busy},
    shares::{Share, Shares},
    upstream::Upstream,
};

pub(crate) use socket::connect;

/// What sockets need. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live {
    hub: Arc<Hub>,
    history: History,
    sessions: Sessions,
    seen: Seen,
    /// Whether the process hears of events as they happen.
    hears: watch::Receiver<bool>,
    stop: CancellationToken,
    open: Arc<watch::Sender<usize>>,
    of_people: Shares<Uuid>,
}

impl Live {
    /// Starts the reader and the watch over sessions in the context's supervisor.
    pub(crate) fn start(
        context: &mut Context,
        streams: &StreamsPool,
        upstream: &Upstream,
        guard: &Guard,
    ) -> Self {
        let hub = Arc::new(Hub::default());
        let (hearing, hears) = watch::channel(false);
        let stop = context.supervisor.stop_of(Stage::Workers);
        let reading = reader::read_until(streams.clone(), Arc::clone(&hub), hearing, stop.clone());
        context
            .supervisor
            .spawn(Stage::Workers, "live-reader", reading);
        let (seen, remembering) = Seen::start(streams.clone(), stop.clone());
        context
            .supervisor
            .spawn(Stage::Workers, "seen", remembering);
        let (sessions, watching) = Sessions::watch(guard.clone(), stop);
        context
            .supervisor
            .spawn(Stage::Workers, "session-watch", watching);
        let live = Self {
            hub,
            history: History::new(streams.clone(), upstream.histories.clone()),
            sessions,
            seen,
            hears,
            stop: context.supervisor.stop_of(Stage::Sockets),
            open: Arc::new(watch::Sender::new(0)),
            of_people: Shares::new(context.settings.limits.sockets_per_person),
        };
        let (stop, open) = (live.stop.clone(), Arc::clone(&live.open));
        context
            .supervisor
            .spawn(Stage::Sockets, "sockets", async move {
                stop.cancelled().await;
                // The sender is held here, so waiting cannot fail.
                let _ = open.subscribe().wait_for(|open| *open == 0).await;
                Ok(())
            });
        live
    }

    /// Closes the sockets of a session that has ended, without waiting to hear of it.
    pub(crate) fn end_session(&self, id: Uuid) {
        self.sessions.end(id);
    }

    /// A further socket of a person, counted until it is dropped; none beyond those that each may have.
    fn enter(&self, user_id: Uuid, request: &HttpRequest) -> Result<OpenSocket, Problem> {
        let share = self.of_people.take(user_id).ok_or_else(|| {
            Refused::Sockets.count();
            let detail = "You have too many WebSockets open; close some of them.";
            Problem::new(Code::RateLimited, detail)
        })?;
        self.open.send_modify(|open| *open += 1);
        metrics::CONNECTIONS.inc();
        Ok(OpenSocket {
            open: Arc::clone(&self.open),
            _share: share,
            _busy: connections::busy(request),
        })
    }
}

struct OpenSocket {
    open: Arc<watch::Sender<usize>>,
    _share: Share<Uuid>,
    /// Its connection is not idle.
    _busy: Option<Busy>,
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.open.send_modify(|open| *open -= 1);
        metrics::CONNECTIONS.dec();
    }
}
