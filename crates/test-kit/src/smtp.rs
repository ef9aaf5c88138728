//! A real mail server that keeps what it is sent.

use std::{
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{PATIENCE, eventually, free_port};

const LONGEST_LINE: u64 = 4096;
const LONGEST_MAIL: usize = 1 << 20;
const MOST_MAILS: usize = 1000;
const MOST_RECIPIENTS: usize = 100;

/// An SMTP server (RFC 5321) on a free port of 127.0.0.1, without TLS and without passwords.
pub struct MailServer {
    port: u16,
    inbox: Arc<Mutex<Inbox>>,
    serving: Option<JoinHandle<()>>,
}

/// A mail that was accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Header and body as they were sent, dots unstuffed.
    pub data: String,
}

#[derive(Default)]
struct Inbox {
    mails: Vec<Mail>,
    /// How many of the next mails are refused, and with which code.
    refused: (usize, u16),
}

impl MailServer {
    /// Starts it.
    pub async fn start() -> Self {
        let mut server = Self {
            port: free_port(),
            inbox: Arc::default(),
            serving: None,
        };
        server.restart().await;
        server
    }

    /// `smtp://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// What it was sent, the oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.inbox).mails.clone()
    }

    /// Waits for a mail to this address and takes it out; the oldest first.
    pub async fn mail_to(&self, address: &str) -> Mail {
        eventually("a mail comes", PATIENCE, async || {
            let mut inbox = lock(&self.inbox);
            let found = inbox
                .mails
                .iter()
                .position(|mail| mail.to.iter().any(|to| to == address));
            match found {
                Some(index) => Ok(inbox.mails.remove(index)),
                None => Err(format!("{} mails to others", inbox.mails.len())),
            }
        })
        .await
    }

    /// Answers so many of the next recipients with this code, such as 451 (try later) or 550 (never).
    pub fn refuse(&self, recipients: usize, code: u16) {
        lock(&self.inbox).refused = (recipients, code);
    }

    /// Ends it and all its connections; what it was sent stays.
    pub async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            // It was aborted, and that is what it says.
            let _ = serving.await;
        }
    }

    /// Starts it again on the same port.
    pub async fn restart(&mut self) {
        self.stop().await;
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await;
        let listener = listener.expect("the port is still free");
        self.serving = Some(tokio::spawn(serve(listener, Arc::clone(&self.inbox))));
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

impl Mail {
    /// The token in its link: what follows the first `#token=`.
    pub fn token(&self) -> &str {
        let (_, after) = self
            .data
            .split_once("#token=")
            .expect("a link with a token");
        let end = after.find(|character: char| {
            !(character.is_ascii_alphanumeric() || matches!(character, '-' | '_'))
        });
        &after[..end.unwrap_or(after.len())]
    }
}

fn lock(inbox: &Mutex<Inbox>) -> MutexGuard<'_, Inbox> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, inbox: Arc<Mutex<Inbox>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((socket, _)) = accepted {
                    connections.spawn(converse(socket, Arc::clone(&inbox)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(socket: TcpStream, inbox: Arc<Mutex<Inbox>>) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    let mut mail = Mail::default();
    say(&mut socket, "220 test-kit").await?;
    while let Some(line) = read_line(&mut socket).await? {
        let line = line.trim_end().to_owned();
        let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-test-kit\r\n250 8BITMIME",
            "HELO" | "NOOP" => "250 OK",
            "RSET" => {
                mail = Mail::default();
                "250 OK"
            }
            "MAIL" => {
                mail = Mail {
                    from: path(&line),
                    ..Mail::default()
                };
                "250 OK"
            }
            "RCPT" => &recipient(&mut mail, path(&line), &inbox),
            "DATA" if mail.to.is_empty() => "503 no recipient",
            "DATA" => {
                say(&mut socket, "354 go on, and end with a dot").await?;
                mail.data = read_data(&mut socket).await?;
                keep(mem::take(&mut mail), &inbox)
            }
            "QUIT" => return say(&mut socket, "221 bye").await,
            _ => "502 not here",
        };
        say(&mut socket, answer).await?;
    }
    Ok(())
}

fn recipient(mail: &mut Mail, address: String, inbox: &Mutex<Inbox>) -> String {
    let mut inbox = lock(inbox);
    if inbox.refused.0 > 0 {
        inbox.refused.0 -= 1;
        return format!("{} not now: <{address}>", inbox.refused.1);
    }
    if mail.to.len() >= MOST_RECIPIENTS {
        return "452 too many recipients".to_owned();
    }
    mail.to.push(address);
    "250 OK".to_owned()
}

fn keep(mail: Mail, inbox: &Mutex<Inbox>) -> &'static str {
    let mut inbox = lock(inbox);
    if inbox.mails.len() >= MOST_MAILS {
        return "452 the inbox is full";
    }
    inbox.mails.push(mail);
    "250 kept"
}

/// What is in the angle brackets.
fn path(line: &str) -> String {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(path, _)| path.to_owned())
}

async fn read_data(socket: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut data = String::new();
    while let Some(line) = read_line(socket).await? {
        if line.trim_end() == "." {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
        if data.len() > LONGEST_MAIL {
            break;
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// A line with its end; nothing when there is none any more.
async fn read_line(socket: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut bounded = socket.take(LONGEST_LINE);
    bounded.read_until(b'\n', &mut line).await?;
    let whole = line.ends_with(b"\n");
    Ok(whole.then(|| String::from_utf8_lossy(&line).into_owned()))
}

async fn say(socket: &mut BufReader<TcpStream>, answer: &str) -> io::Result<()> {
    socket.write_all(format!("{answer}\r\n").as_bytes()).await
}
