//! The public HTTP server, and its stop in order: no new connections, then the requests it has, then
//! (in a later stage) the open sockets, then the rest.

use std::{
    net::TcpListener,
    num::NonZero,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use actix_web::{App, HttpServer, middleware::from_fn, rt::net::TcpStream, web::Data};
use service_kit::{Context, Stage};
use tokio::sync::Notify;

use crate::{State, http};

/// Connections of all workers together.
const CONNECTIONS: usize = 20_000;

/// Connections that wait to be accepted, as when every browser comes back at once.
const WAITING_CONNECTIONS: i32 = 4096;

/// An idle connection is closed after this.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The head of a request has to arrive within this.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// A connection on which nothing is taken for this long is closed.
const STUCK_FOR: Duration = Duration::from_secs(30);

/// How long the last answers may take to be written.
const LAST_ANSWERS: Duration = Duration::from_millis(250);

/// The requests being answered, and whether the process is stopping. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Drain {
    counted: Arc<Counted>,
}

#[derive(Default)]
struct Counted {
    open: AtomicUsize,
    stopping: AtomicBool,
    closed: Notify,
}

/// One request being answered, until it is dropped.
pub(crate) struct OpenRequest(Arc<Counted>);

impl Drain {
    pub(crate) fn enter(&self) -> OpenRequest {
        self.counted.open.fetch_add(1, Ordering::SeqCst);
        OpenRequest(Arc::clone(&self.counted))
    }

    /// Whether a connection should be closed after its answer.
    pub(crate) fn is_stopping(&self) -> bool {
        self.counted.stopping.load(Ordering::Relaxed)
    }

    /// Waits until no request is open.
    async fn finish(&self) {
        let Counted {
            open,
            stopping,
            closed,
        } = &*self.counted;
        stopping.store(true, Ordering::SeqCst);
        loop {
            let mut one_closed = pin!(closed.notified());
            one_closed.as_mut().enable();
            if open.load(Ordering::SeqCst) == 0 {
                return;
            }
            one_closed.await;
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
        if self.0.stopping.load(Ordering::SeqCst) {
            self.0.closed.notify_waiters();
        }
    }
}

/// A client that acknowledges nothing, or takes nothing, is let go by the system: a socket that was
/// closed while a write was blocked would otherwise stay open as long as its client likes.
fn end_when_stuck(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(STUCK_FOR)) {
        tracing::debug!(error = %error, "a connection has no bound on being stuck");
    }
}

/// Serves on the listener; the tasks are in the context's supervisor.
pub(crate) fn start(
    context: &mut Context,
    listener: TcpListener,
    state: State,
) -> anyhow::Result<()> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let grace_seconds = context.settings.shutdown.grace_seconds;
    socket2::SockRef::from(&listener).listen(WAITING_CONNECTIONS)?;
    let drain = state.drain.clone();
    let state = Data::new(state);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .wrap(from_fn(http::envelope::envelope))
            .configure(http::routes)
    })
    .on_connect(|connection, _| {
        if let Some(stream) = connection.downcast_ref::<TcpStream>() {
            end_when_stuck(stream);
        }
    })
    .workers(workers)
    .max_connections(CONNECTIONS / workers)
    .keep_alive(KEEP_ALIVE)
    // An event would wait, up to 40 ms, until the page has acknowledged the one before it.
    .tcp_nodelay(true)
    .client_request_timeout(HEAD_WITHIN)
    .disable_signals()
    .shutdown_timeout(grace_seconds)
    .listen(listener)?
    .run();
    let (handle, stop) = (
        server.handle(),
        context.supervisor.stop_of(Stage::Listeners),
    );
    context
        .supervisor
        .spawn(Stage::Listeners, "http-listener", async move {
            stop.cancelled().await;
            // Its end is the server's own, which waits for open sockets too.
            drop(handle.stop(true));
            drain.finish().await;
            Ok(())
        });
    let stop = context.supervisor.stop_of(Stage::Workers);
    context
        .supervisor
        .spawn(Stage::Workers, "http", async move {
            tokio::pin!(server);
            tokio::select! {
                ended = &mut server => return ended.map_err(Into::into),
                () = stop.cancelled() => {}
            }
            // Idle connections may stay open for long; the last answers are on their way for a moment.
            tokio::time::timeout(LAST_ANSWERS, server)
                .await
                .unwrap_or(Ok(()))
                .map_err(Into::into)
        });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_waits_for_the_requests_that_are_open() {
        let drain = Drain::default();
        let (first, second) = (drain.enter(), drain.enter());
        drop(first);
        let mut finished = pin!(drain.finish());
        assert!(futures_util::poll!(finished.as_mut()).is_pending());
        assert!(drain.is_stopping());
        drop(second);
        finished.await;
    }
}
