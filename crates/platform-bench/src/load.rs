//! Closed-loop load: some workers, each doing one thing after the other.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// Longest that anything done once may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest duration that is told apart, in microseconds.
const LONGEST_MICROS: u64 = 60_000_000;

/// Something that is done again and again.
pub trait Step: Send + 'static {
    /// Does it once.
    fn step(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Workers that do the same thing at the same time.
pub struct Load<S> {
    workers: Vec<S>,
}

/// What one round showed.
pub struct Sample {
    /// Done a second.
    pub rate: f64,
    /// How long each took, in microseconds.
    pub took: Histogram<u64>,
}

impl Sample {
    /// A percentile, in milliseconds.
    pub fn percentile_ms(&self, percentile: f64) -> f64 {
        percentile_ms(&self.took, percentile)
    }
}

/// A histogram of microseconds.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_MICROS, 3).expect("bounds that are apart")
}

/// Adds a duration.
pub fn record(histogram: &mut Histogram<u64>, took: Duration) {
    histogram.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LONGEST_MICROS));
}

/// A percentile of microseconds, in milliseconds.
pub fn percentile_ms(histogram: &Histogram<u64>, percentile: f64) -> f64 {
    histogram.value_at_percentile(percentile) as f64 / 1000.0
}

impl<S: Step> Load<S> {
    /// Load by these workers.
    pub const fn new(workers: Vec<S>) -> Self {
        Self { workers }
    }

    /// One round.
    pub async fn round(&mut self, length: Duration) -> anyhow::Result<Sample> {
        let began = Instant::now();
        let mut running = JoinSet::new();
        for worker in self.workers.drain(..) {
            running.spawn(repeat(worker, began + length));
        }
        let mut took = histogram();
        while let Some(ended) = running.join_next().await {
            let (worker, its) = ended??;
            took.add(its)?;
            self.workers.push(worker);
        }
        let rate = took.len() as f64 / began.elapsed().as_secs_f64();
        Ok(Sample { rate, took })
    }
}

async fn repeat<S: Step>(mut worker: S, until: Instant) -> anyhow::Result<(S, Histogram<u64>)> {
    let mut took = histogram();
    let mut began = Instant::now();
    while began < until {
        let step = tokio::time::timeout(PATIENCE, worker.step());
        step.await.context("no answer in time")??;
        let ended = Instant::now();
        record(&mut took, ended - began);
        began = ended;
    }
    Ok((worker, took))
}

/// An HTTP/1.1 connection that sends the same request again and again. By hand, because whatever the
/// client takes of the machine the server does not have.
pub struct HttpConnection {
    stream: TcpStream,
    request: Vec<u8>,
    expected_status: &'static str,
    answer: Vec<u8>,
}

impl HttpConnection {
    /// Connects; nothing is sent yet.
    pub async fn open(
        port: u16,
        request: Vec<u8>,
        expected_status: &'static str,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            request,
            expected_status,
            answer: Vec::with_capacity(4096),
        })
    }

    /// Some of them.
    pub async fn open_many(
        count: usize,
        port: u16,
        request: &[u8],
        expected_status: &'static str,
    ) -> anyhow::Result<Load<Self>> {
        let mut workers = Vec::with_capacity(count);
        for _ in 0..count {
            workers.push(Self::open(port, request.to_vec(), expected_status).await?);
        }
        Ok(Load::new(workers))
    }

    /// Sends this from now on.
    pub fn set_request(&mut self, request: Vec<u8>) {
        self.request = request;
    }

    /// Reads until the whole answer is there.
    async fn read_answer(&mut self) -> anyhow::Result<()> {
        self.answer.clear();
        loop {
            ensure!(
                self.stream.read_buf(&mut self.answer).await? > 0,
                "the server closed the connection"
            );
            if let Some(length) = answer_length(&self.answer)?
                && self.answer.len() >= length
            {
                return Ok(());
            }
        }
    }
}

impl Step for HttpConnection {
    async fn step(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.request).await?;
        self.read_answer().await?;
        let status = self.answer.get(9..12).unwrap_or_default();
        if status != self.expected_status.as_bytes() {
            bail!("answered {}", String::from_utf8_lossy(&self.answer));
        }
        Ok(())
    }
}

/// Length of an answer, head and body, once the head is there.
fn answer_length(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    const LENGTH: &[u8] = b"content-length:";
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Ok(None);
    };
    let mut lines = answer[..head].split(|byte| *byte == b'\n');
    let length = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(LENGTH.len())?;
        name.eq_ignore_ascii_case(LENGTH).then_some(value)
    });
    let length = std::str::from_utf8(length.context("an answer without content-length")?)?;
    Ok(Some(head + 4 + length.trim().parse::<usize>()?))
}

/// A GET as bytes.
pub fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

/// A POST of JSON as bytes.
pub fn post(path: &str, token: &str, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_head_and_body() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\nhi";
        assert_eq!(answer_length(&answer[..20]).expect("no fault"), None);
        assert_eq!(answer_length(answer).expect("a length"), Some(answer.len()));
        assert!(answer_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
