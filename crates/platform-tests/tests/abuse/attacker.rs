//! The attacker: at the lowest priority, so that what a bystander notices is not the load alone.

use std::{future::Future, net::Ipv4Addr, thread, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::oneshot,
};

/// Runs on a thread of its own, at the lowest priority.
pub(crate) async fn attack<F, T>(attack: impl FnOnce() -> F + Send + 'static) -> T
where
    F: Future<Output = T>,
    T: Send + 'static,
{
    let (done, ended) = oneshot::channel();
    thread::spawn(move || {
        // Without it the attack is only harder to bear.
        let _ = rustix::process::nice(19);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let _ = done.send(runtime.block_on(attack()));
    });
    ended.await.expect("the attack ends")
}

/// A connection that speaks bytes.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    /// From an address of loopback, with the smallest buffer for what it does not read.
    pub(crate) async fn connect(base_url: &str, from: [u8; 4]) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.bind((Ipv4Addr::from(from), 0).into())?;
        let port = base_url
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let address = (Ipv4Addr::LOCALHOST, port.expect("a port"));
        Ok(Self(socket.connect(address.into()).await?))
    }

    /// A WebSocket whose upgrade was answered.
    pub(crate) async fn socket(base_url: &str, from: [u8; 4], token: &str) -> (Self, String) {
        let mut raw = Self::connect(base_url, from).await.expect("a connection");
        let upgrade = format!(
            "GET /api/realtime/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        raw.send(upgrade.as_bytes()).await;
        let head = raw.head().await;
        (raw, head)
    }

    /// A text frame; masked with zeros.
    pub(crate) async fn text(&mut self, text: &str) {
        let mut frame = vec![0x81];
        match u8::try_from(text.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | length),
            _ => {
                frame.push(0xfe);
                frame.extend(
                    u16::try_from(text.len())
                        .expect("a short text")
                        .to_be_bytes(),
                );
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.send(&frame).await;
    }

    /// Sends, unless the other side has closed.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Reads up to the end of an answer's head.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match tokio::time::timeout(Duration::from_secs(10), self.0.read_u8()).await {
                Ok(Ok(byte)) => head.push(byte),
                _ => break,
            }
        }
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Whether the other side has closed, or does within this time.
    pub(crate) async fn is_closed_within(&mut self, within: Duration) -> bool {
        let mut rest = [0; 4096];
        let reading = async { while matches!(self.0.read(&mut rest).await, Ok(1..)) {} };
        tokio::time::timeout(within, reading).await.is_ok()
    }
}
