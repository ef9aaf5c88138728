//! `--health`: asks the process that runs beside it. An image without a shell has nothing else to ask
//! with.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, bail};

/// Longest wait for a connection, and for each answer of it.
const WAIT: Duration = Duration::from_secs(2);

/// Health answers are far shorter.
const LONGEST_ANSWER_BYTES: u64 = 8 * 1024;

/// What a process is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Question {
    /// Does it run?
    Live,
    /// Does it have what it needs?
    Ready,
}

impl Question {
    const fn path(self) -> &'static str {
        match self {
            Self::Live => "/health/live",
            Self::Ready => "/health/ready",
        }
    }
}

/// Asks the process whose ops address this is. An error is a no, and says what came instead.
pub(crate) fn ask(question: Question, ops: SocketAddr) -> anyhow::Result<()> {
    let addr = reachable(ops);
    let path = question.path();
    let answer = get(addr, path).with_context(|| format!("no answer from {addr}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        bail!("{path} answered {status} {body}");
    }
    Ok(())
}

fn get(addr: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    // In one piece: `write!` would send each part by itself.
    let request = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream
        .take(LONGEST_ANSWER_BYTES)
        .read_to_string(&mut answer)?;
    Ok(answer)
}

/// A process that listens on every address is asked on the loopback.
fn reachable(ops: SocketAddr) -> SocketAddr {
    let ip = match ops {
        SocketAddr::V4(addr) if addr.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(addr) if addr.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => ops.ip(),
    };
    SocketAddr::new(ip, ops.port())
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// A server that reads one request and gives one answer; the address it listens on, as a container
    /// is told it.
    fn answers(answer: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).expect("a request");
            stream.write_all(answer.as_bytes()).expect("sent");
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        (addr, served)
    }

    #[test]
    fn asks_what_it_is_told_to_ask() {
        for (question, line) in [
            (Question::Live, "GET /health/live HTTP/1.1"),
            (Question::Ready, "GET /health/ready HTTP/1.1"),
        ] {
            let (addr, served) = answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            ask(question, addr).expect("a yes");
            let request = served.join().expect("served");
            assert_eq!(request.lines().next(), Some(line));
        }
    }

    #[test]
    fn a_no_says_what_came() {
        let (addr, served) = answers(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 22\r\n\r\n{\"status\":\"not ready\"}",
        );
        let error = ask(Question::Ready, addr).expect_err("a no");
        assert_eq!(
            error.to_string(),
            "/health/ready answered HTTP/1.1 503 Service Unavailable {\"status\":\"not ready\"}"
        );
        served.join().expect("served");
    }

    #[test]
    fn nobody_there_is_a_no() {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = free.local_addr().expect("an address");
        drop(free);
        let error = ask(Question::Live, addr).expect_err("a no");
        assert_eq!(error.to_string(), format!("no answer from {addr}"));
    }

    #[test]
    fn every_address_means_the_loopback() {
        for (told, asked) in [
            ("0.0.0.0:8081", "127.0.0.1:8081"),
            ("[::]:8081", "[::1]:8081"),
            ("10.0.0.7:8081", "10.0.0.7:8081"),
        ] {
            let told: SocketAddr = told.parse().expect("an address");
            assert_eq!(reachable(told).to_string(), asked);
        }
    }
}
