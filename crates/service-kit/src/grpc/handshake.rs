//! A connection that says nothing is closed: it has to begin HTTP/2 soon after it was accepted. So is one that
//! has to give way to another.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::connections::Place;

/// The connection preface has to arrive within this.
pub(super) const PREFACE_WITHIN: Duration = Duration::from_secs(10);

/// Bytes of the client's connection preface, RFC 9113, 3.4.
const PREFACE: usize = 24;

/// A connection whose preface has a deadline; later ones are what keep-alive is for.
pub(super) struct Handshake {
    stream: TcpStream,
    place: Place,
    read: usize,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Handshake {
    /// Of a connection that was just accepted, with so long for its preface.
    pub(super) fn new(stream: TcpStream, place: Place, within: Duration) -> Self {
        Self {
            stream,
            place,
            read: 0,
            deadline: Some(Box::pin(sleep(within))),
        }
    }

    /// Whatever it waits for is over when it gives way.
    fn end_if_it_gives_way(&self, cx: &Context<'_>) -> io::Result<()> {
        match self.place.gives_way(cx.waker()) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Handshake {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.end_if_it_gives_way(cx)?;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let Some(deadline) = &mut self.deadline else {
            return read;
        };
        if deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.read += buf.filled().len() - before;
        if self.read >= PREFACE {
            self.deadline = None;
        }
        read
    }
}

impl AsyncWrite for Handshake {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.end_if_it_gives_way(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end_if_it_gives_way(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end_if_it_gives_way(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.end_if_it_gives_way(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Connected for Handshake {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::{super::connections::Connections, *};

    const SOON: Duration = Duration::from_millis(50);

    async fn accepted() -> (Handshake, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        let place = Connections::new(1).open(None);
        (
            Handshake::new(server.expect("accepted").0, place, SOON),
            client.expect("connected"),
        )
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_is_closed() {
        let (mut server, mut client) = accepted().await;
        client.write_all(b"PRI * ").await.expect("written");
        let mut read = Vec::new();
        let error = server.read_to_end(&mut read).await.expect_err("closed");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn one_that_has_begun_may_be_silent() {
        let (mut server, mut client) = accepted().await;
        client.write_all(&[b'x'; PREFACE]).await.expect("written");
        let mut preface = [0; PREFACE];
        server.read_exact(&mut preface).await.expect("read");
        let silent = tokio::time::timeout(SOON * 4, server.read_u8()).await;
        assert!(silent.is_err(), "{silent:?}");
    }
}
