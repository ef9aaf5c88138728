//! A connection's bytes: it knows when they last went either way, and ends when it has to give way.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, Connections};

/// An accepted stream that counts.
pub(crate) struct Guarded {
    stream: TcpStream,
    connection: Arc<Connection>,
    connections: Connections,
}

impl Guarded {
    /// Takes up a stream; also its peer, as far as that is still there.
    pub(crate) fn new(stream: TcpStream, connections: &Connections) -> (Self, Option<SocketAddr>) {
        let peer = stream.peer_addr().ok();
        let guarded = Self {
            stream,
            connection: connections.open(peer.map(|peer| peer.ip())),
            connections: connections.clone(),
        };
        (guarded, peer)
    }

    /// Whatever it waits for, a client that takes no answer among it, is over.
    fn end_if_it_gives_way(&self, cx: &Context<'_>) -> io::Result<()> {
        self.connection.waker.register(cx.waker());
        match self.connection.gives_way.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }

    /// The connection, for its requests.
    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.connections.close(&self.connection);
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.end_if_it_gives_way(cx)?;
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            self.connection.use_now();
            self.connection.has_spoken.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.end_if_it_gives_way(cx)?;
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if written.is_ready() {
            self.connection.use_now();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end_if_it_gives_way(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end_if_it_gives_way(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
