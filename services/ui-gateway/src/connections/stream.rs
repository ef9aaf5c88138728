//! A connection's bytes: when they last went either way, one request after the other and in turn with others,
//! how long the head of one is, and that nothing is read from a client that takes nothing.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use actix_web::rt::net::TcpStream;
use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::{
    Connection, Connections,
    framing::Step,
    rounds::{Ticket, poll_begin},
};
use crate::server::HEAD_WITHIN;

/// What a head that is too long is answered (RFC 6585 section 5).
const HEAD_TOO_LONG: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What a head is answered that does not come (RFC 9110 section 15.5.9).
const HEAD_TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What may still come of a body without a length that was refused: its sender has to be able to read why. One
/// with a length ends by itself.
const REST_OF_REFUSED: usize = 4 << 20;

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
    /// Its next request may begin, or waits for that.
    may_begin: bool,
    ticket: Option<Ticket>,
    /// What was read of later requests.
    held: BytesMut,
    /// Bytes of a body without a length that nobody reads any more.
    refused: usize,
    /// When what nobody reads yet, or any more, has to be there: the rest of a head, or of a refused body.
    ends: Option<Pin<Box<Sleep>>>,
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
            may_begin: false,
            ticket: None,
            held: BytesMut::new(),
            refused: 0,
            ends: None,
        };
        (guarded, peer)
    }

    /// The connection, for its requests.
    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Waits until it may be read on. A little is read ahead, or the client could not be seen to leave.
    fn poll_later(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let has_ended = self.read_ahead(cx)?;
        if self.held.is_empty() {
            return if has_ended {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            };
        }
        // What is held is next: nothing of the stream will tell when.
        self.connection.reader.register(cx.waker());
        if self.connection.may_be_read() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Whether the client sends no more.
    fn read_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        while self.held.len() < PIECE {
            let mut ahead = [0; PIECE];
            let mut piece = ReadBuf::new(&mut ahead[self.held.len()..]);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut piece)?;
            match (read, piece.filled()) {
                (Poll::Pending, _) => return Ok(false),
                (Poll::Ready(()), []) => return Ok(true),
                (Poll::Ready(()), read) => self.held.extend_from_slice(read),
            }
        }
        Ok(false)
    }

    /// Waits until there is something of a request, and it is its owner's turn. A proxy's are everybody's.
    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.connection.framing().is_before_head() {
            self.may_begin = false;
            return Poll::Ready(Ok(()));
        }
        if self.may_begin || self.connection.is_proxied {
            return Poll::Ready(Ok(()));
        }
        if self.held.is_empty() {
            ready!(self.stream.poll_read_ready(cx))?;
        }
        ready!(poll_begin(self.connection.share(), &mut self.ticket, cx));
        self.may_begin = true;
        Poll::Ready(Ok(()))
    }

    /// Reads what the server may have now, from what is held or from the stream.
    fn poll_now(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            self.judge(cx)?;
            let mut framing = self.connection.framing();
            let is_endless = framing.is_in_chunks() && self.connection.is_refusing(&framing);
            let most = framing.most(PIECE).min(buf.remaining());
            let given = if self.held.is_empty() {
                let mut piece = ReadBuf::new(buf.initialize_unfilled_to(most));
                ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
                self.connection.use_now();
                self.connection.has_spoken.store(true, Ordering::Relaxed);
                let read = piece.filled();
                if read.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let Step { skipped, given } = framing.advance(read);
                let now = skipped..skipped + given;
                self.held.extend_from_slice(&read[now.end..]);
                buf.initialize_unfilled_to(now.end).copy_within(now, 0);
                buf.advance(given);
                given
            } else {
                let next = self.held.len().min(most);
                let Step { skipped, given } = framing.advance(&self.held[..next]);
                self.held.advance(skipped);
                buf.put_slice(&self.held[..given]);
                self.held.advance(given);
                given
            };
            self.refused = if is_endless { self.refused + given } else { 0 };
            if given > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// An error ends the connection: what comes is too long, too slow, or nobody asks for it.
    fn judge(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let framing = self.connection.framing();
        if framing.is_too_long() {
            if framing.is_between() {
                self.answer(HEAD_TOO_LONG);
            }
            return Err(io::ErrorKind::InvalidData.into());
        }
        if self.refused > REST_OF_REFUSED {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if !framing.is_in_head() && !self.connection.is_refusing(&framing) {
            self.ends = None;
            return Ok(());
        }
        let in_time = || Box::pin(sleep(HEAD_WITHIN));
        let ends = self.ends.get_or_insert_with(in_time);
        if ends.as_mut().poll(cx).is_pending() {
            return Ok(());
        }
        if framing.is_in_head() {
            self.answer(HEAD_TOO_SLOW);
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Answers what is no request. All requests before it are answered; its client may have gone.
    fn answer(&self, head: &[u8]) {
        let _ = self.stream.try_write(head);
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
        ready!(self.poll_begin(cx))?;
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
