//! The public HTTP server, and its stop in order: no new connections, then the requests it has. Open
//! sockets are closed after that, in a stage of their own, and the rest in the end.

use std::{
    future::ready,
    net::{SocketAddr, TcpListener},
    num::NonZero,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use actix_http::HttpService;
use actix_server::Server;
use actix_service::{Service, ServiceFactoryExt, apply_fn_factory, fn_service, map_config};
use actix_web::{
    App, HttpRequest, dev::AppConfig, middleware::from_fn, rt::net::TcpStream, web::Data,
};
use service_kit::{Context, Stage, process};
use tokio::sync::Notify;

use crate::{
    State,
    connections::{self, Busy, Guarded},
    http,
};

/// Connections of all workers together, where the system allows as many open files.
const CONNECTIONS: usize = 20_000;

/// Connections beyond the bound that are accepted, and taken up by having another give way.
const ON_THEIR_WAY: usize = 64;

/// Connections that wait to be accepted, as when every browser comes back at once.
const WAITING_CONNECTIONS: i32 = 4096;

/// An idle connection is closed after this.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Bytes that the system takes of an answer beyond what it can send at once.
#[cfg(target_os = "linux")]
const MOST_UNSENT: u32 = 128 << 10;

/// The head of a request has to arrive within this.
pub(crate) const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// A client that is still sending what is not read may read its answer for so long.
const LINGER: Duration = Duration::from_secs(1);

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
pub(crate) struct OpenRequest {
    counted: Arc<Counted>,
    /// Its connection is not idle.
    _busy: Option<Busy>,
}

impl Drain {
    pub(crate) fn enter(&self, request: &HttpRequest) -> OpenRequest {
        self.counted.open.fetch_add(1, Ordering::SeqCst);
        OpenRequest {
            counted: Arc::clone(&self.counted),
            _busy: connections::busy(request),
        }
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
        self.counted.open.fetch_sub(1, Ordering::SeqCst);
        if self.counted.stopping.load(Ordering::SeqCst) {
            self.counted.closed.notify_waiters();
        }
    }
}

/// How many connections there may be.
pub(crate) fn most_connections() -> usize {
    process::most_connections(CONNECTIONS)
}

/// Sets how an accepted connection behaves. Without delay, for an event would wait, up to 40 ms, until the
/// page has acknowledged the one before it. One on which nothing is acknowledged or taken is closed by
/// the system: it would otherwise stay open as long as its client likes, once a write is blocked. And the system
/// keeps little that it cannot send: it would keep up to 4 MB for each client that reads nothing.
fn prepare(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "a connection waits for acknowledgements");
    }
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(stream);
        let bounded = socket
            .set_tcp_user_timeout(Some(STUCK_FOR))
            .and_then(|()| socket.set_tcp_notsent_lowat(MOST_UNSENT));
        if let Err(error) = bounded {
            tracing::debug!(error = %error, "a connection has no bound on being stuck");
        }
    }
}

/// Serves on the listener; the tasks are in the context's supervisor.
pub(crate) fn start(
    context: &mut Context,
    listener: TcpListener,
    state: State,
) -> anyhow::Result<()> {
    let drain = state.drain.clone();
    let server = serve(context.settings.shutdown.grace_seconds, listener, state)?;
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

/// A server whose connections are guarded.
fn serve(grace_seconds: u64, listener: TcpListener, state: State) -> anyhow::Result<Server> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    socket2::SockRef::from(&listener).listen(WAITING_CONNECTIONS)?;
    let connections = state.connections.clone();
    let state = Data::new(state);
    let app = move || {
        let app = App::new()
            .app_data(state.clone())
            .wrap(from_fn(http::envelope::envelope))
            .configure(http::routes);
        let connections = connections.clone();
        let guarded = fn_service(move |stream: TcpStream| {
            prepare(&stream);
            ready(Ok(Guarded::new(stream, &connections)))
        });
        let service = HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_WITHIN)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|stream: &Guarded, data| {
                data.insert(stream.connection());
            })
            .h1(map_config(app, |()| AppConfig::default()));
        guarded.and_then(apply_fn_factory(service, until_it_gives_way))
    };
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections((most_connections() + ON_THEIR_WAY).div_ceil(workers))
        .disable_signals()
        .shutdown_timeout(grace_seconds)
        .listen("http", listener, app)?;
    Ok(server.run())
}

/// Serves a connection until it ends, or has to give way to another, whatever is waited for on it.
fn until_it_gives_way<S>(
    accepted: (Guarded, Option<SocketAddr>),
    service: &S,
) -> impl Future<Output = Result<(), S::Error>> + use<S>
where
    S: Service<(Guarded, Option<SocketAddr>), Response = ()>,
{
    let connection = accepted.0.connection();
    let serving = service.call(accepted);
    async move {
        tokio::select! {
            biased;
            () = connection.has_to_give_way() => Ok(()),
            ended = serving => ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_waits_for_the_requests_that_are_open() {
        let drain = Drain::default();
        let request = actix_web::test::TestRequest::get().to_http_request();
        let (first, second) = (drain.enter(&request), drain.enter(&request));
        drop(first);
        let mut finished = pin!(drain.finish());
        assert!(futures_util::poll!(finished.as_mut()).is_pending());
        assert!(drain.is_stopping());
        drop(second);
        finished.await;
    }
}
