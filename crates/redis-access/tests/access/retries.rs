//! How often a command is sent again. The server here answers everything but GET, which it counts.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use redis_access::RedisSettings;
use redis_contracts::{Streams, keys::OUTBOX};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::Reached;

#[tokio::test]
async fn a_safe_command_is_sent_again_as_often_as_the_settings_say() {
    for (answer, retries, sent) in [
        ("-LOADING Redis is loading the dataset in memory\r\n", 2, 3),
        ("-LOADING Redis is loading the dataset in memory\r\n", 0, 1),
        ("-WRONGTYPE not a string\r\n", 2, 1),
        ("$3\r\n1-0\r\n", 2, 1),
    ] {
        let gets = Arc::new(AtomicUsize::new(0));
        let url = serve(answer, Arc::clone(&gets)).await;
        let settings = RedisSettings {
            retries,
            ..RedisSettings::new(&url)
        };
        let reached = Reached::<Streams>::with(&settings).await;
        let held = reached.pool.get(&OUTBOX.key("a-producer")).await;
        assert_eq!(held.is_ok(), answer.starts_with('$'), "{held:?}");
        assert_eq!(
            gets.load(Ordering::Relaxed),
            sent,
            "{answer:?} with {retries} retries"
        );
    }
}

async fn serve(answer: &'static str, gets: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(converse(socket, answer, Arc::clone(&gets)));
        }
    });
    url
}

async fn converse(
    socket: TcpStream,
    answer: &'static str,
    gets: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    loop {
        let words = command(&mut socket).await?;
        let reply = match words.first().map(String::as_str) {
            Some("HELLO") => "%1\r\n$5\r\nproto\r\n:3\r\n",
            Some("GET") => {
                gets.fetch_add(1, Ordering::Relaxed);
                answer
            }
            Some(_) => "+OK\r\n",
            None => return Ok(()),
        };
        socket.write_all(reply.as_bytes()).await?;
    }
}

/// A command as clients send them: `*<n>`, then `$<length>` and the word, n times.
pub(crate) async fn command(socket: &mut BufReader<TcpStream>) -> std::io::Result<Vec<String>> {
    let mut words = Vec::new();
    for _ in 0..number(socket).await? {
        let mut word = vec![0; number(socket).await? + 2];
        socket.read_exact(&mut word).await?;
        words.push(String::from_utf8_lossy(&word).trim_end().to_owned());
    }
    Ok(words)
}

/// The number of a line such as `*3`; 0 at the end.
async fn number(socket: &mut BufReader<TcpStream>) -> std::io::Result<usize> {
    let mut line = String::new();
    socket.read_line(&mut line).await?;
    Ok(line
        .trim_start_matches(['*', '$'])
        .trim_end()
        .parse()
        .unwrap_or_default())
}
