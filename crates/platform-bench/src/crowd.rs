//! Many WebSockets that hear the same events, and when each of them heard each event.
//!
//! An event carries a mark, `bench-` and six digits, wherever it likes. Times are those of this
//! process's monotonic clock, from just before an event was sent to just after it was read.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use bytes::{Buf, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    task::JoinSet,
    time::timeout,
};

use crate::{
    frame,
    load::{histogram, record},
};

/// Sockets opened at once.
const OPENING: usize = 32;

/// Longest wait for what should come at once.
const PATIENCE: Duration = Duration::from_secs(10);

const MARK: &[u8] = b"bench-";
const DIGITS: usize = 6;

/// How an event is marked.
pub fn mark(number: usize) -> String {
    format!("bench-{number:0DIGITS$}")
}

/// How a socket is opened.
#[derive(Clone)]
pub struct Door {
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Path.
    pub path: &'static str,
    /// Sent as bearer.
    pub token: String,
    /// Sent once open; the answer has to hold `"subscribed"`.
    pub subscribe: Option<String>,
}

/// Sockets that listen, until dropped.
pub struct Crowd {
    size: u64,
    heard: Arc<Heard>,
    listening: JoinSet<anyhow::Result<()>>,
}

/// When events were heard.
pub struct Times {
    /// Since each was sent, in microseconds.
    pub since_sent: Histogram<u64>,
    /// Since the moment in each one's position, which has whole milliseconds, in microseconds.
    pub since_position: Histogram<u64>,
}

#[derive(Default)]
struct Heard {
    round: Mutex<Round>,
    complete: Notify,
}

#[derive(Default)]
struct Round {
    sent: Vec<Instant>,
    times: Option<Times>,
    left: u64,
    /// Where the mark was last: all sockets are sent the same text.
    mark_at: usize,
}

impl Crowd {
    /// Opens this many.
    pub async fn open(size: usize, door: &Door) -> anyhow::Result<Self> {
        let heard = Arc::new(Heard::default());
        let opening = stream::iter(0..size).map(|_| timeout(PATIENCE, open(door)));
        let sockets: Vec<_> = opening.buffer_unordered(OPENING).try_collect().await?;
        let mut listening = JoinSet::new();
        for socket in sockets {
            listening.spawn(listen(socket?, Arc::clone(&heard)));
        }
        Ok(Self {
            size: size as u64,
            heard,
            listening,
        })
    }

    /// Begins a round of this many events.
    pub fn begin(&self, events: usize) {
        *self.heard.lock() = Round {
            sent: Vec::with_capacity(events),
            times: Some(Times {
                since_sent: histogram(),
                since_position: histogram(),
            }),
            left: self.size * events as u64,
            mark_at: 0,
        };
    }

    /// The next event is sent now; its number.
    pub fn sending(&self) -> usize {
        let mut round = self.heard.lock();
        round.sent.push(Instant::now());
        round.sent.len() - 1
    }

    /// Waits until every socket has heard every event of the round.
    pub async fn finish(&mut self) -> anyhow::Result<Times> {
        let complete = timeout(PATIENCE, self.heard.complete.notified());
        tokio::select! {
            complete = complete => complete.with_context(|| format!("{} receipts are missing", self.heard.lock().left))?,
            Some(ended) = self.listening.join_next() => ended?.context("a socket ended")?,
        }
        self.heard.lock().times.take().context("no round was begun")
    }
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Round> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, text: &[u8], at: Instant) -> anyhow::Result<()> {
        let mut round = self.lock();
        let Round {
            sent,
            times,
            left,
            mark_at,
        } = &mut *round;
        let Some(times) = times else {
            return Ok(());
        };
        let number = number_in(text, mark_at).context("a text without a mark")?;
        let sent = sent.get(number).context("an event that was not sent")?;
        record(&mut times.since_sent, at.saturating_duration_since(*sent));
        if let Some(position) = position_in(text) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            record(&mut times.since_position, now.saturating_sub(position));
        }
        *left -= 1;
        if *left == 0 {
            self.complete.notify_one();
        }
        Ok(())
    }
}

fn number_in(text: &[u8], mark_at: &mut usize) -> Option<usize> {
    if !text.get(*mark_at..)?.starts_with(MARK) {
        *mark_at = text.windows(MARK.len()).position(|bytes| bytes == MARK)?;
    }
    let at = *mark_at + MARK.len();
    std::str::from_utf8(text.get(at..at + DIGITS)?)
        .ok()?
        .parse()
        .ok()
}

/// The moment in `"position":"<unix ms>-<n>"`.
fn position_in(text: &[u8]) -> Option<Duration> {
    const FIELD: &[u8] = b"\"position\":\"";
    let at = text.windows(FIELD.len()).position(|bytes| bytes == FIELD)? + FIELD.len();
    let digits = text[at..].split(|byte| *byte == b'-').next()?;
    let unix_ms = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Duration::from_millis(unix_ms))
}

struct Socket {
    stream: TcpStream,
    bytes: BytesMut,
}

async fn open(door: &Door) -> anyhow::Result<Socket> {
    let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await?;
    stream.set_nodelay(true)?;
    let upgrade = format!(
        "GET {} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        door.path, door.token
    );
    stream.write_all(upgrade.as_bytes()).await?;
    let mut socket = Socket {
        stream,
        bytes: BytesMut::with_capacity(4096),
    };
    let head = socket.read_until(|bytes| {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
        Some(end + 4)
    });
    let head = head.await?;
    ensure!(
        head.starts_with(b"HTTP/1.1 101"),
        "refused: {}",
        String::from_utf8_lossy(&head)
    );
    if let Some(subscribe) = &door.subscribe {
        socket
            .stream
            .write_all(&frame::client_text(subscribe))
            .await?;
        let answer = socket
            .read_until(|bytes| Some(frame::first(bytes)?.length))
            .await?;
        let text = String::from_utf8_lossy(&answer);
        ensure!(text.contains("\"subscribed\""), "not subscribed: {text}");
    }
    Ok(socket)
}

impl Socket {
    /// Reads until so many bytes are there that `whole` knows where something ends; takes those.
    async fn read_until(
        &mut self,
        whole: impl Fn(&[u8]) -> Option<usize>,
    ) -> anyhow::Result<BytesMut> {
        loop {
            if let Some(length) = whole(&self.bytes) {
                return Ok(self.bytes.split_to(length));
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        self.bytes.reserve(2048);
        let length = self.stream.read_buf(&mut self.bytes).await?;
        ensure!(length > 0, "the server closed the connection");
        Ok(())
    }
}

async fn listen(mut socket: Socket, heard: Arc<Heard>) -> anyhow::Result<()> {
    loop {
        socket.read().await?;
        let at = Instant::now();
        while let Some(frame) = frame::first(&socket.bytes) {
            ensure!(frame.opcode != 8, "the server closed the socket");
            if frame.opcode == 1 {
                heard.take(frame.payload, at)?;
            }
            let length = frame.length;
            socket.bytes.advance(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_positions_are_found() {
        let text = format!(r#"{{"position":"1700000000000-7","title":"{}"}}"#, mark(42));
        let mut mark_at = 0;
        for _ in 0..2 {
            assert_eq!(number_in(text.as_bytes(), &mut mark_at), Some(42));
        }
        assert_eq!(
            position_in(text.as_bytes()),
            Some(Duration::from_millis(1_700_000_000_000))
        );
        assert_eq!(number_in(b"nothing", &mut mark_at), None);
    }
}
