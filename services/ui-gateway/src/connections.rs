//! The connections of the public server, and whose they are: an address's while nobody is signed in on
//! them, then that person's. Each has a bound, and so have all together; over it the one that is idle
//! longest gives way, so that who holds many costs themselves theirs, and nobody else a place. Where all
//! places are taken and nobody is idle, whoever holds most loses one: who has none gets in.
//!
//! A connection of a trusted proxy carries the requests of many: it is its client's from one request to the
//! next. Only those in use count for the client, and none is closed for the client's bound: the proxy may be
//! passing somebody else's request on it. What connections hold in memory is in [`rooms`].

mod framing;
mod metrics;
mod rooms;
mod rounds;
mod stream;
mod table;

use std::{
    future::poll_fn,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Instant,
};

use actix_web::{
    HttpRequest,
    http::{
        Method,
        header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING, UPGRADE},
    },
    web::Data,
};
use futures_util::task::AtomicWaker;
use ipnet::IpNet;
use rate_limits::address_subject;
use service_kit::{Code, Problem};

use self::{
    framing::{Follows, Framing},
    metrics::MadeRoom,
    rooms::Rooms,
    table::Table,
};
pub(crate) use self::{
    rooms::{Kind, Place, Room, Spent},
    stream::Guarded,
};
use crate::{State, forwarded::is_trusted, http::caller_of, limits::Subject};

/// Bytes that are held, of one person or address and in all.
const BODIES: (usize, usize) = (4 << 20, 128 << 20);
const ANSWERS: (usize, usize) = (16 << 20, 128 << 20);
const EVENTS: (usize, usize) = (32 << 20, 128 << 20);

/// Whose a connection is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owner {
    /// Those of an address, or of a /64: nobody is signed in.
    Network(Box<str>),
    /// A person, or their machine tokens.
    Caller(Subject),
    /// A trusted proxy that has passed nothing on yet.
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
    bodies: Rooms,
    answers: Rooms,
    events: Rooms,
}

/// One connection.
pub(crate) struct Connection {
    owner: Mutex<Owner>,
    /// Each request says whose it is.
    is_proxied: bool,
    /// How far it has been read.
    framing: Mutex<Framing>,
    /// Answers that were written, until they are taken; none any more once the connection is closed.
    written: Mutex<Option<Vec<Delivery>>>,
    /// Requests being answered, an open socket among them.
    busy: AtomicUsize,
    /// Answers that are not taken yet.
    deliveries: AtomicUsize,
    /// When bytes last went either way, in ms since the process began.
    used_ms: AtomicU64,
    /// Whether its client has ever said something.
    has_spoken: AtomicBool,
    gives_way: AtomicBool,
    /// There was no place for it: it is told so, and closed.
    is_refused: AtomicBool,
    waker: AtomicWaker,
    /// Who would read its next request.
    reader: AtomicWaker,
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
                bodies: Rooms::new(BODIES.0, BODIES.1),
                answers: Rooms::new(ANSWERS.0, ANSWERS.1),
                events: Rooms::new(EVENTS.0, EVENTS.1),
            }),
        }
    }

    #[cfg(test)]
    fn with_rooms(bodies: Rooms) -> Self {
        Self {
            inner: Arc::new(Inner {
                trusted_proxies: Vec::new(),
                table: Mutex::new(Table::new(usize::MAX, 0)),
                bodies,
                answers: Rooms::new(0, 0),
                events: Rooms::new(0, 0),
            }),
        }
    }

    fn rooms(&self, kind: Kind) -> &Rooms {
        match kind {
            Kind::Bodies => &self.inner.bodies,
            Kind::Answers => &self.inner.answers,
            Kind::Events => &self.inner.events,
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
        let is_proxied = owner == Owner::Proxy;
        let connection = Arc::new(Connection::new(owner, is_proxied));
        self.with_table(|table| table.add(&connection));
        metrics::OPEN.inc();
        connection
    }

    fn close(&self, connection: &Connection) {
        connection.end();
        self.with_table(|table| table.remove(connection));
        metrics::OPEN.dec();
    }

    fn all_give_way(&self, connections: Vec<Arc<Connection>>) {
        for connection in connections {
            self.with_table(|table| table.give_way(Some(connection)));
        }
    }

    fn with_table<T>(&self, work: impl FnOnce(&mut Table) -> T) -> T {
        let table = &self.inner.table;
        work(&mut table.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connection {
    const fn new(owner: Owner, is_proxied: bool) -> Self {
        Self {
            owner: Mutex::new(owner),
            is_proxied,
            framing: Mutex::new(Framing::new()),
            written: Mutex::new(Some(Vec::new())),
            busy: AtomicUsize::new(0),
            deliveries: AtomicUsize::new(0),
            used_ms: AtomicU64::new(0),
            has_spoken: AtomicBool::new(false),
            gives_way: AtomicBool::new(false),
            is_refused: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            reader: AtomicWaker::new(),
            place: AtomicUsize::new(table::NOWHERE),
        }
    }

    fn owner(&self) -> Owner {
        self.owner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The same for all of its owner.
    fn share(&self) -> u64 {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        HASHER.hash_one(&*self.owner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn use_now(&self) {
        self.used_ms.store(now_ms(), Ordering::Relaxed);
    }

    fn is_owned_by(&self, owner: &Owner) -> bool {
        *self.owner.lock().unwrap_or_else(PoisonError::into_inner) == *owner
    }

    /// It stays in the table until its descriptor is free.
    fn give_way(&self) {
        MadeRoom::GaveWay.count();
        self.gives_way.store(true, Ordering::Relaxed);
        self.waker.wake();
    }

    /// Has to give way. Whatever is waited for on it, a client that takes no answer among it, is over then.
    pub(crate) async fn has_to_give_way(&self) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            match self.gives_way.load(Ordering::Relaxed) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    fn refuse(&self) {
        MadeRoom::Refused.count();
        self.is_refused.store(true, Ordering::Relaxed);
    }

    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    fn is_delivering(&self) -> bool {
        self.deliveries.load(Ordering::Relaxed) > 0
    }

    fn framing(&self) -> MutexGuard<'_, Framing> {
        self.framing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may be read on: the rest of a request that is open, or another one once all before it are
    /// answered.
    fn may_be_read(&self) -> bool {
        let framing = self.framing();
        match framing.is_between() {
            true => !self.is_busy() && !self.is_delivering(),
            false => !framing.is_taken(),
        }
    }

    /// Whether what comes is a body whose request is answered: nobody reads it any more.
    fn is_refusing(&self, framing: &Framing) -> bool {
        framing.is_in_body() && !self.is_busy()
    }

    /// A request begins.
    fn begin(&self, follows: Follows) {
        self.framing().begin(follows);
        if follows != Follows::Bytes(0) {
            self.reader.wake();
        }
    }

    /// It is closed: nothing is taken any more.
    fn end(&self) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        *written = None;
    }

    /// All that was written was taken.
    fn all_taken(&self) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(written) = &mut *written {
            written.clear();
        }
    }
}

/// An answer on its way to a client, with the room it holds. Its connection counts as idle only when nothing
/// has been taken for long: who reads slowly gets the rest, who reads nothing keeps no place.
pub(crate) struct Delivery {
    connection: Arc<Connection>,
    _room: Option<Room>,
}

impl Delivery {
    fn on(connection: &Arc<Connection>, room: Option<Room>) -> Self {
        connection.deliveries.fetch_add(1, Ordering::Relaxed);
        Self {
            connection: Arc::clone(connection),
            _room: room,
        }
    }

    /// All of it is written: it lasts until the client has taken that.
    pub(crate) fn until_taken(self) {
        let connection = Arc::clone(&self.connection);
        let written = connection.written.lock();
        if let Some(written) = &mut *written.unwrap_or_else(PoisonError::into_inner) {
            written.push(self);
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.connection.deliveries.fetch_sub(1, Ordering::Relaxed);
        self.connection.reader.wake();
    }
}

/// The answer to a request begins to be written; none in a test without connections.
pub(crate) fn deliver(request: &HttpRequest, room: Option<Room>) -> Option<Delivery> {
    connection(request).map(|connection| Delivery::on(connection, room))
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
        self.0.reader.wake();
    }
}

/// The connection of a request is not idle while this is held; none in a test without connections.
pub(crate) fn busy(request: &HttpRequest) -> Option<Busy> {
    connection(request).map(Busy::on)
}

/// A request has begun: what follows its head may come.
pub(crate) fn begin(request: &HttpRequest) {
    if let Some(connection) = connection(request) {
        connection.begin(follows(request));
    }
}

/// As the server reads it: it has refused what contradicts itself.
fn follows(request: &HttpRequest) -> Follows {
    fn text(value: &HeaderValue) -> Option<&str> {
        value.to_str().ok().map(str::trim)
    }
    let headers = request.headers();
    if headers.contains_key(TRANSFER_ENCODING) {
        return Follows::Chunks;
    }
    let mut upgrades = headers.get_all(UPGRADE).filter_map(text);
    if upgrades.any(|to| to.eq_ignore_ascii_case("websocket")) {
        return Follows::Anything;
    }
    let length = headers.get(CONTENT_LENGTH).and_then(text);
    match length.and_then(|length| length.parse().ok()) {
        None | Some(0) if request.method() == Method::CONNECT => Follows::Anything,
        length => Follows::Bytes(length.unwrap_or_default()),
    }
}

/// The connection of a request, for what it will hold in memory; none in a test without connections.
pub(crate) fn place(request: &HttpRequest) -> Option<Place> {
    let state = request.app_data::<Data<State>>()?;
    Some(Place {
        connection: Arc::clone(connection(request)?),
        connections: state.connections.clone(),
    })
}

/// Whether a connection that there was no place for is closed after its answer.
pub(crate) fn is_refused(request: &HttpRequest) -> bool {
    connection(request).is_some_and(|connection| connection.is_refused.load(Ordering::Relaxed))
}

/// Lets a request in, unless there is no place for its connection or for more of its client. One without
/// a place is heard as far as its credential: who has shown a good one counts for themselves.
pub(crate) async fn admit(request: &HttpRequest) -> Result<(), Problem> {
    let Some(connection) = connection(request) else {
        return Ok(());
    };
    let Some(state) = request.app_data::<Data<State>>() else {
        return Ok(());
    };
    let table = &state.connections;
    let client = connection.is_proxied.then(|| state.site.address(request));
    let is_in = match client {
        Some(Some(address)) => {
            let client = Owner::Network(address_subject(address).into());
            table.with_table(|table| table.hand_over(connection, client))
        }
        _ => {
            !connection.is_refused.load(Ordering::Relaxed)
                || table.with_table(|table| table.retry(connection))
        }
    };
    if is_in {
        return Ok(());
    }
    let caller = caller_of(request, state).await;
    caller
        .and_then(|caller| sign_in(request, state, caller).ok())
        .ok_or_else(|| too_many("Your address"))
}

/// From now on it counts for this caller.
pub(crate) fn sign_in(
    request: &HttpRequest,
    state: &State,
    caller: Subject,
) -> Result<(), Problem> {
    let Some(connection) = connection(request) else {
        return Ok(());
    };
    let table = &state.connections;
    let is_in = table.with_table(|table| table.hand_over(connection, Owner::Caller(caller)));
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
