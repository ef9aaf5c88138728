//! A reply and the invalidation of its key, in each order that the wire can bring them. Redis is played
//! here, so that both come at once and nothing else in between.

use redis_access::RedisSettings;
use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

use super::{Reader, copy, name};
use crate::retries::command;

/// What comes for GET and PTTL.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Value,
    Ttl,
    Changed,
    AllChanged,
    OtherChanged,
}

use Part::{AllChanged, Changed, OtherChanged, Ttl, Value as Held};

#[tokio::test]
async fn a_reply_is_held_only_when_no_invalidation_came_after_its_read_was_sent() {
    for (parts, is_held) in [
        (&[Held, Ttl][..], true),
        (&[Held, Ttl, OtherChanged], true),
        (&[Held, Ttl, Changed], false),
        (&[Held, Changed, Ttl], false),
        (&[Changed, Held, Ttl], false),
        (&[Held, Ttl, AllChanged], false),
        (&[Held, AllChanged, Ttl], false),
        (&[AllChanged, Held, Ttl], false),
    ] {
        let id = Uuid::now_v7();
        let script = Arc::new(Mutex::new(parts));
        let reader = Reader::with(
            &RedisSettings::new(&serve(id, Arc::clone(&script)).await),
            10,
        )
        .await;
        assert_eq!(reader.version(id).await, Some(1), "{parts:?}");
        assert_eq!(reader.held(id).is_some(), is_held, "{parts:?}");
        // The next read is not in the way of the one before.
        *script.lock().expect("not poisoned") = &[Held, Ttl];
        assert_eq!(reader.version(id).await, Some(1), "{parts:?}");
        assert_eq!(reader.held(id), Some(1), "{parts:?}");
    }
}

type Script = Arc<Mutex<&'static [Part]>>;

async fn serve(id: Uuid, script: Script) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(converse(socket, id, Arc::clone(&script)));
        }
    });
    url
}

async fn converse(socket: TcpStream, id: Uuid, script: Script) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    loop {
        let words = command(&mut socket).await?;
        let reply = match words.first().map(String::as_str) {
            Some("HELLO") => b"%1\r\n$5\r\nproto\r\n:3\r\n".to_vec(),
            // Answered with the PTTL that comes with it.
            Some("GET") => Vec::new(),
            Some("PTTL") => {
                let parts = *script.lock().expect("not poisoned");
                parts.iter().flat_map(|part| bytes(*part, id)).collect()
            }
            Some(_) => b"+OK\r\n".to_vec(),
            None => return Ok(()),
        };
        socket.write_all(&reply).await?;
    }
}

fn bytes(part: Part, id: Uuid) -> Vec<u8> {
    match part {
        Held => bulk(&copy("1")),
        Ttl => b":60000\r\n".to_vec(),
        Changed => invalidation(Some(&name(id))),
        OtherChanged => invalidation(Some(&name(Uuid::now_v7()))),
        AllChanged => invalidation(None),
    }
}

fn invalidation(name: Option<&str>) -> Vec<u8> {
    let mut push = b">2\r\n$10\r\ninvalidate\r\n".to_vec();
    match name {
        Some(name) => {
            push.extend(b"*1\r\n");
            push.extend(bulk(name.as_bytes()));
        }
        None => push.extend(b"_\r\n"),
    }
    push
}

fn bulk(bytes: &[u8]) -> Vec<u8> {
    let mut written = format!("${}\r\n", bytes.len()).into_bytes();
    written.extend(bytes);
    written.extend(b"\r\n");
    written
}
