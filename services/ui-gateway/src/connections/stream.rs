//! A connection's bytes: when they last went either way, one request after the other, how long the head of one
//! is, and that nothing is read from a client that takes nothing.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use actix_web::rt::net::TcpStream;
use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, Connections};

/// What a head that is too long is answered (RFC 6585 section 5).
const HEAD_TOO_LONG: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Longest head of a request, about: what is read beyond it ends the connection.
const LONGEST_HEAD: usize = 16 << 10;

/// What is read at once where it may hold more than one request.
const PIECE: usize = 4 << 10;

/// Reads of what nobody asks for any more, at most.
const READS_OF_THE_REST: usize = 64;

/// An accepted stream that counts.
pub(crate) struct Guarded {
    stream: TcpStream,
    connection: Arc<Connection>,
    connections: Connections,
    /// The client takes nothing at present. It is not read on, or answers to what it sends would pile up.
    is_blocked: bool,
    /// Somebody would have read on.
    reader_waits: bool,
    /// What was read of later requests.
    held: Bytes,
}

impl Guarded {
    /// Takes up a stream; also its peer, as far as that is still there.
    pub(crate) fn new(stream: TcpStream, connections: &Connections) -> (Self, Option<SocketAddr>) {
        let peer = stream.peer_addr().ok();
        let guarded = Self {
            stream,
            connection: connections.open(peer.map(|peer| peer.ip())),
            connections: connections.clone(),
            is_blocked: false,
            reader_waits: false,
            held: Bytes::new(),
        };
        (guarded, peer)
    }

    /// The connection, for its requests.
    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Waits until it may be read on; meanwhile only its end is told.
    fn poll_later(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            let mut next = [0];
            match ready!(self.stream.poll_peek(cx, &mut ReadBuf::new(&mut next))) {
                Ok(1..) => {}
                ended => return Poll::Ready(ended.map(drop)),
            }
        }
        // More has come already: nothing of the stream will tell.
        self.connection.reader.register(cx.waker());
        if self.connection.may_be_read() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Reads what the server may have now, from what is held or from the stream.
    fn poll_now(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut framing = self.connection.framing();
        if !self.held.is_empty() {
            let most = self.held.len().min(buf.remaining());
            let given = framing.advance(&self.held[..most]);
            buf.put_slice(&self.held[..given]);
            self.held.advance(given);
            return Poll::Ready(Ok(()));
        }
        let most = framing.body_left().unwrap_or(PIECE).min(buf.remaining());
        let mut piece = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        let read = piece.filled();
        let given = framing.advance(read);
        self.held = Bytes::copy_from_slice(&read[given..]);
        buf.advance(given);
        drop(framing);
        self.connection.use_now();
        self.connection.has_spoken.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    /// All requests before it are answered. Its client may have gone.
    fn answer_long_head(&self) {
        let _ = self.stream.try_write(HEAD_TOO_LONG);
    }

    /// A connection that is closed with something unread is reset, and the last answer may be lost with it.
    fn read_rest(&self) {
        let mut rest = [0; PIECE];
        for _ in 0..READS_OF_THE_REST {
            if !matches!(self.stream.try_read(&mut rest), Ok(1..)) {
                return;
            }
        }
    }

    /// Something was taken.
    fn unblock(&mut self, cx: &Context<'_>) {
        self.is_blocked = false;
        if std::mem::take(&mut self.reader_waits) {
            cx.waker().wake_by_ref();
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.read_rest();
        self.connections.close(&self.connection);
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_blocked {
            self.reader_waits = true;
            return Poll::Pending;
        }
        if !self.connection.may_be_read() {
            return self.poll_later(cx);
        }
        if self.connection.framing().head_bytes() > LONGEST_HEAD {
            self.answer_long_head();
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        self.poll_now(cx, buf)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        match written.is_ready() {
            true => {
                self.connection.use_now();
                self.unblock(cx);
            }
            false => self.is_blocked = true,
        }
        written
    }

    /// Comes after all that was to be written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unblock(cx);
        self.connection.all_taken();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
