//! The connections of a server. They have a bound, so that descriptors are left for all else the process does;
//! where there is no place for a further one, the oldest that has never called gives way, or else the one whose last
//! call began longest ago. A flood of those that say nothing takes no caller's.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;

/// The connections that are open, by their peer. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connections(Arc<Mutex<Table>>);

struct Table {
    most: usize,
    open: HashMap<SocketAddr, Connection>,
    /// Counts connections and calls: a later one has a higher number.
    uses: u64,
}

struct Connection {
    has_called: bool,
    used: u64,
    leaving: Arc<Leaving>,
}

/// Whether a connection gives way, and whoever waits for its bytes.
#[derive(Default)]
struct Leaving {
    is_due: AtomicBool,
    waker: AtomicWaker,
}

/// A connection's place, until it is dropped.
pub(super) struct Place {
    connections: Connections,
    peer: Option<SocketAddr>,
    leaving: Arc<Leaving>,
}

impl Connections {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        let table = Table {
            most,
            open: HashMap::new(),
            uses: 0,
        };
        Self(Arc::new(Mutex::new(table)))
    }

    /// A place for a new connection; one whose peer has gone already needs none.
    pub(super) fn open(&self, peer: Option<SocketAddr>) -> Place {
        let leaving = Arc::<Leaving>::default();
        if let Some(peer) = peer {
            self.lock().open(peer, Arc::clone(&leaving));
        }
        Place {
            connections: self.clone(),
            peer,
            leaving,
        }
    }

    /// A call has begun on the connection from there.
    pub(super) fn called(&self, peer: SocketAddr) {
        let mut table = self.lock();
        table.uses += 1;
        let uses = table.uses;
        if let Some(connection) = table.open.get_mut(&peer) {
            connection.has_called = true;
            connection.used = uses;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn open(&mut self, peer: SocketAddr, leaving: Arc<Leaving>) {
        if self.open.len() >= self.most {
            let by_use = |(_, open): &(&SocketAddr, &Connection)| (open.has_called, open.used);
            let longest_ago = self.open.iter().min_by_key(by_use).map(|(peer, _)| *peer);
            if let Some(connection) = longest_ago.and_then(|peer| self.open.remove(&peer)) {
                connection.leaving.is_due.store(true, Ordering::Relaxed);
                connection.leaving.waker.wake();
            }
        }
        self.uses += 1;
        let used = self.uses;
        self.open.insert(
            peer,
            Connection {
                has_called: false,
                used,
                leaving,
            },
        );
    }
}

impl Place {
    /// Whether the connection gives way. Whoever asks is woken when it has to.
    pub(super) fn gives_way(&self, waker: &Waker) -> bool {
        self.leaving.waker.register(waker);
        self.leaving.is_due.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(peer) = self.peer else {
            return;
        };
        let mut table = self.connections.lock();
        // A later connection may come from where one was that gave way.
        let its_own = |open: &Connection| Arc::ptr_eq(&open.leaving, &self.leaving);
        if table.open.get(&peer).is_some_and(its_own) {
            table.open.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };
    use tokio_util::sync::CancellationToken;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    use super::*;

    fn peer(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn leaves(place: &Place) -> bool {
        place.gives_way(Waker::noop())
    }

    #[test]
    fn who_has_never_called_gives_way_and_else_whoever_called_longest_ago() {
        let connections = Connections::new(3);
        let open = |port| connections.open(Some(peer(port)));
        let mut places: Vec<_> = (1..=3).map(open).collect();
        connections.called(peer(1));
        places.push(open(4));
        connections.called(peer(3));
        connections.called(peer(4));
        places.push(open(5));
        let left: Vec<_> = places.iter().map(leaves).collect();
        assert_eq!(left, [true, true, false, false, false]);
        // The place of another is not given up with the connection that was there before.
        let again = open(1);
        assert!(leaves(&places[4]));
        drop(places);
        assert_eq!(connections.lock().open.len(), 1);
        assert!(!leaves(&again));
        drop(again);
        assert!(connections.lock().open.is_empty());
    }

    /// The preface and empty settings, and nothing more.
    async fn idle(address: SocketAddr) -> TcpStream {
        let mut idle = TcpStream::connect(address).await.expect("a connection");
        let begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        idle.write_all(begin).await.expect("written");
        idle
    }

    #[tokio::test]
    async fn connections_that_do_nothing_give_way_and_a_caller_keeps_its_own() {
        const MOST: usize = 8;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("non-blocking");
        let address = listener.local_addr().expect("an address");
        let (reporter, health) = tonic_health::server::health_reporter();
        let routes = tonic::service::Routes::new(health);
        let stop = CancellationToken::new();
        let serving = crate::grpc::serve_at_most(MOST, listener, routes, stop.clone());
        let calling = async {
            drop(reporter);
            let channel = rpc::connect(&format!("http://{address}"), None).expect("a channel");
            let mut client = HealthClient::new(channel);
            let mut flood = Vec::new();
            for _ in 0..4 * MOST {
                let asked = HealthCheckRequest::default();
                client.check(asked).await.expect("an answer");
                flood.push(idle(address).await);
            }
            let mut closed = 0;
            for idle in &mut flood[..=3 * MOST] {
                let mut rest = Vec::new();
                let read = idle.read_to_end(&mut rest);
                let read = tokio::time::timeout(Duration::from_secs(10), read).await;
                closed += usize::from(read.is_ok());
            }
            assert_eq!(closed, 3 * MOST + 1);
            stop.cancel();
        };
        let (served, ()) = tokio::join!(serving, calling);
        served.expect("served to the end");
    }
}
