//! A wire that can be cut and frozen.

use std::net::SocketAddr;

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// A TCP proxy in front of a target.
pub struct Proxy {
    addr: SocketAddr,
    wire: watch::Sender<Wire>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy)]
struct Wire {
    mode: Mode,
    /// Connections end when this changes.
    cuts: u64,
    /// What becomes of new connections, whatever those that are open do.
    new: New,
}

#[derive(Clone, Copy)]
enum New {
    LedTo(SocketAddr),
    Refused,
    Held,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Passing,
    Cut,
    Frozen,
    AnswersFrozen,
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    ToTarget,
    Answer,
}

impl Proxy {
    /// A proxy on a port of its own that passes everything to `target`.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let wire = watch::Sender::new(Wire {
            mode: Mode::Passing,
            cuts: 0,
            new: New::LedTo(target),
        });
        let accepting = tokio::spawn(accept(listener, wire.subscribe()));
        Self {
            addr,
            wire,
            accepting,
        }
    }

    /// Where to connect instead of to the target.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends all connections, and every new one at once, until [`Proxy::heal`].
    pub fn cut(&self) {
        self.set(Mode::Cut, true);
    }

    /// Ends all connections; new ones pass.
    pub fn cut_once(&self) {
        self.set(Mode::Passing, true);
    }

    /// Keeps connections open and passes nothing, not even their end, until [`Proxy::heal`].
    pub fn freeze(&self) {
        self.set(Mode::Frozen, false);
    }

    /// Passes what is sent and holds back what is answered: with a [`Proxy::cut_once`] after it,
    /// something was done and its answer is lost.
    pub fn freeze_answers(&self) {
        self.set(Mode::AnswersFrozen, false);
    }

    /// Passes everything again, first what was held back on connections that are still open.
    pub fn heal(&self) {
        self.set(Mode::Passing, false);
    }

    /// Leads connections that are made from now on to this target; those that are open stay as they are.
    pub fn lead_new_to(&self, target: SocketAddr) {
        self.wire.send_modify(|wire| wire.new = New::LedTo(target));
    }

    /// Closes connections that are made from now on at once; those that are open stay as they are.
    pub fn refuse_new(&self) {
        self.wire.send_modify(|wire| wire.new = New::Refused);
    }

    /// Accepts connections from now on and never says anything; those that are open stay as they are.
    pub fn hold_new(&self) {
        self.wire.send_modify(|wire| wire.new = New::Held);
    }

    fn set(&self, mode: Mode, cut: bool) {
        self.wire.send_modify(|wire| {
            wire.mode = mode;
            wire.cuts += u64::from(cut);
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, wire: watch::Receiver<Wire>) {
    let mut connections = JoinSet::new();
    let mut held = Vec::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let now = *wire.borrow();
                if let (Ok((inbound, _)), true) = (accepted, now.mode != Mode::Cut) {
                    match now.new {
                        New::LedTo(target) => {
                            connections.spawn(carry(inbound, target, wire.clone(), now.cuts));
                        }
                        New::Held => held.push(inbound),
                        New::Refused => {}
                    }
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(inbound: TcpStream, target: SocketAddr, mut wire: watch::Receiver<Wire>, cuts: u64) {
    let Ok(outbound) = TcpStream::connect(target).await else {
        return;
    };
    // What waits for more bytes in the kernel would look like a slow platform.
    let _ = (inbound.set_nodelay(true), outbound.set_nodelay(true));
    let (from_client, to_client) = inbound.into_split();
    let (from_target, to_target) = outbound.into_split();
    let there = pump(
        from_client,
        to_target,
        wire.clone(),
        cuts,
        Direction::ToTarget,
    );
    let back = pump(
        from_target,
        to_client,
        wire.clone(),
        cuts,
        Direction::Answer,
    );
    tokio::select! {
        _ = async { tokio::try_join!(there, back) } => {}
        _ = wire.wait_for(|wire| wire.cuts != cuts) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut wire: watch::Receiver<Wire>,
    cuts: u64,
    direction: Direction,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        let freed = wire.wait_for(|wire| match wire.mode {
            _ if wire.cuts != cuts => true,
            Mode::Frozen => false,
            Mode::AnswersFrozen => direction == Direction::ToTarget,
            Mode::Passing | Mode::Cut => true,
        });
        // Looked at here as well, so that nothing that was held back passes after a cut.
        if freed.await.map_err(io::Error::other)?.cuts != cuts {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}
