//! A connection's bytes: when they last went either way, how long the head of a request is, and that
//! nothing is read from a client that takes nothing.

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

/// What a head that is too long is answered (RFC 6585 section 5).
const HEAD_TOO_LONG: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Reads of what came after a head that is too long, at most.
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
    /// What was read could hold a whole head: the server looks for one before there is more.
    has_paused: bool,
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
            has_paused: false,
        };
        (guarded, peer)
    }

    /// The connection, for its requests.
    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Whether there may be more; an error when a head is too long.
    fn may_read(&mut self, cx: &Context<'_>) -> io::Result<bool> {
        if self.is_blocked {
            self.reader_waits = true;
            return Ok(false);
        }
        if !self.connection.is_head_too_long() {
            self.has_paused = false;
            return Ok(true);
        }
        if self.has_paused {
            self.answer_long_head();
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.has_paused = true;
        cx.waker().wake_by_ref();
        Ok(false)
    }

    /// All requests before it are answered. What has come already is read: a connection that is closed with
    /// something unread is reset, and the answer may be lost with it.
    fn answer_long_head(&self) {
        // Its client may have gone, or takes nothing.
        let _ = self.stream.try_write(HEAD_TOO_LONG);
        let mut rest = [0; 4096];
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
        self.connections.close(&self.connection);
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.may_read(cx)? {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            self.connection.count_read(buf.filled().len() - before);
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
