//! The connections of the public server, and whose they are: an address's while nobody is signed in on
//! them, then that person's. Each has a bound, and so have all together; over it the one that is idle
//! longest gives way, so that who holds many costs themselves theirs, and nobody else a place.
//!
//! A connection of a trusted proxy carries the requests of many and has no bound itself: what counts are
//! the requests being answered for each client behind it.

mod metrics;
mod stream;
mod table;

use std::{
    cell::RefCell,
    net::IpAddr,
    rc::Rc,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use actix_web::{HttpMessage, HttpRequest, web::Data};
use futures_util::task::AtomicWaker;
use ipnet::IpNet;
use service_kit::{Code, Problem, limits::address_subject};
use uuid::Uuid;

pub(crate) use self::stream::Guarded;
use self::{metrics::Ended, table::Table};
use crate::{
    State,
    forwarded::is_trusted,
    http::shows_credential,
    shares::{Share, Shares},
};

/// Whose a connection is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owner {
    /// Those of an address, or of a /64: nobody is signed in.
    Network(Box<str>),
    /// A person.
    Person(Uuid),
    /// A trusted proxy.
    Proxy,
}

/// All connections of the process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connections {
    inner: Arc<Inner>,
}

struct Inner {
    trusted_proxies: Vec<IpNet>,
    table: Mutex<Table>,
    behind_proxies: Shares<Owner>,
}

/// One connection.
pub(crate) struct Connection {
    owner: Mutex<Owner>,
    /// Requests being answered, an open socket among them.
    busy: AtomicUsize,
    /// When bytes last went either way, in ms since the process began.
    used_ms: AtomicU64,
    /// Whether its client has ever said something.
    has_spoken: AtomicBool,
    gives_way: AtomicBool,
    /// There was no place for it: it is told so, and closed.
    is_refused: AtomicBool,
    waker: AtomicWaker,
    /// Its place in the table.
    place: AtomicUsize,
}

impl Connections {
    /// At most `most` in all and `of_each` of an address or a person (0: any number).
    pub(crate) fn new(most: usize, of_each: u64, trusted_proxies: Vec<IpNet>) -> Self {
        Self {
            inner: Arc::new(Inner {
                trusted_proxies,
                table: Mutex::new(Table::new(most, of_each)),
                behind_proxies: Shares::new(of_each),
            }),
        }
    }

    /// Takes up a connection that was accepted.
    fn open(&self, peer: Option<IpAddr>) -> Arc<Connection> {
        let owner = match peer {
            Some(peer) if is_trusted(peer.to_canonical(), &self.inner.trusted_proxies) => {
                Owner::Proxy
            }
            Some(peer) => Owner::Network(address_subject(peer).into()),
            None => Owner::Network("".into()),
        };
        let connection = Arc::new(Connection::new(owner));
        self.with_table(|table| table.add(&connection));
        metrics::OPEN.inc();
        connection
    }

    fn close(&self, connection: &Connection) {
        self.with_table(|table| table.remove(connection));
        metrics::OPEN.dec();
    }

    fn with_table<T>(&self, work: impl FnOnce(&mut Table) -> T) -> T {
        let table = &self.inner.table;
        work(&mut table.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connection {
    const fn new(owner: Owner) -> Self {
        Self {
            owner: Mutex::new(owner),
            busy: AtomicUsize::new(0),
            used_ms: AtomicU64::new(0),
            has_spoken: AtomicBool::new(false),
            gives_way: AtomicBool::new(false),
            is_refused: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            place: AtomicUsize::new(table::NOWHERE),
        }
    }

    fn owner(&self) -> Owner {
        self.owner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn use_now(&self) {
        self.used_ms.store(now_ms(), Ordering::Relaxed);
    }

    fn is_owned_by(&self, owner: &Owner) -> bool {
        *self.owner.lock().unwrap_or_else(PoisonError::into_inner) == *owner
    }

    /// It stays in the table until its descriptor is free.
    fn give_way(&self) {
        Ended::GaveWay.count();
        self.gives_way.store(true, Ordering::Relaxed);
        self.waker.wake();
    }

    fn refuse(&self) {
        Ended::Refused.count();
        self.is_refused.store(true, Ordering::Relaxed);
    }
}

/// Keeps a connection from counting as idle, until it is dropped.
pub(crate) struct Busy(Arc<Connection>);

impl Busy {
    fn on(connection: &Arc<Connection>) -> Self {
        connection.busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connection))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.use_now();
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connection of a request is not idle while this is held; none in a test without connections.
pub(crate) fn busy(request: &HttpRequest) -> Option<Busy> {
    connection(request).map(Busy::on)
}

/// A request behind a proxy, counted for whom it is until it was answered.
struct Behind(RefCell<Option<Share<Owner>>>);

/// Whether a connection that there was no place for is closed after its answer.
pub(crate) fn is_refused(request: &HttpRequest) -> bool {
    connection(request).is_some_and(|connection| connection.is_refused.load(Ordering::Relaxed))
}

/// Lets a request in, unless there is no place for its connection or for more of its client.
pub(crate) fn admit(request: &HttpRequest) -> Result<(), Problem> {
    let Some(connection) = connection(request) else {
        return Ok(());
    };
    let Some(state) = request.app_data::<Data<State>>() else {
        return Ok(());
    };
    // Who says that they are signed in may be counted for themselves in a moment.
    if connection.is_refused.load(Ordering::Relaxed)
        && !shows_credential(request)
        && !state
            .connections
            .with_table(|table| table.retry(connection))
    {
        return Err(too_many("Your address"));
    }
    if connection.is_owned_by(&Owner::Proxy)
        && let Some(address) = state.site.address(request)
    {
        let owner = Owner::Network(address_subject(address).into());
        let shares = &state.connections.inner.behind_proxies;
        let share = shares.take(owner).map_err(|_| too_many("Your address"))?;
        let behind = Rc::new(Behind(RefCell::new(Some(share))));
        request.extensions_mut().insert(behind);
    }
    Ok(())
}

/// From now on it counts for this person.
pub(crate) fn sign_in(request: &HttpRequest, state: &State, person: Uuid) -> Result<(), Problem> {
    let Some(connection) = connection(request) else {
        return Ok(());
    };
    let behind = request.extensions().get::<Rc<Behind>>().cloned();
    let is_in = match behind {
        Some(behind) => {
            let shares = &state.connections.inner.behind_proxies;
            let share = shares.take(Owner::Person(person)).ok();
            let is_in = share.is_some();
            behind.0.replace(share);
            is_in
        }
        None if connection.is_owned_by(&Owner::Person(person)) => true,
        None => state
            .connections
            .with_table(|table| table.hand_over(connection, Owner::Person(person))),
    };
    is_in.then_some(()).ok_or_else(|| too_many("Your account"))
}

fn now_ms() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn connection(request: &HttpRequest) -> Option<&Arc<Connection>> {
    request.conn_data::<Arc<Connection>>()
}

fn too_many(whose: &str) -> Problem {
    let detail = format!("{whose} has too many connections open; close some, or use one for more.");
    Problem::new(Code::RateLimited, detail)
}
