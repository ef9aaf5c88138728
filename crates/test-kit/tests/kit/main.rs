//! What other tests rely on.

mod postgres;
mod smtp;

use std::{collections::BTreeSet, net::TcpStream, time::Duration};

use test_kit::{Proxy, RedisServer, eventually, free_port};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream as Socket},
    time::timeout,
};

const SOON: Duration = Duration::from_millis(50);

#[test]
fn ports_are_handed_out_once() {
    let ports: Vec<_> = (0..200).map(|_| free_port()).collect();
    assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
}

#[tokio::test]
async fn redis_keeps_what_it_confirmed_until_it_is_wiped_and_goes_with_its_value() {
    let mut server = RedisServer::streams().await;
    let port = server.port();
    let set = redis::cmd("SET").arg("key").arg("value").to_owned();
    set.exec_async(&mut server.connect().await)
        .await
        .expect("SET");
    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.restart().await;
    assert_eq!(held(&server).await.as_deref(), Some("value"));
    server.stop().await;
    server.wipe();
    server.restart().await;
    assert_eq!(held(&server).await, None);
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

async fn held(server: &RedisServer) -> Option<String> {
    let get = redis::cmd("GET").arg("key").to_owned();
    get.query_async(&mut server.connect().await)
        .await
        .expect("GET")
}

#[tokio::test]
async fn the_wire_passes_freezes_loses_answers_and_is_cut() {
    let (proxy, mut socket) = echo().await;
    assert_eq!(ask(&mut socket, b"a").await, Some(b'a'));

    proxy.freeze();
    assert_eq!(ask(&mut socket, b"b").await, None);
    proxy.heal();
    assert_eq!(
        answer(&mut socket).await,
        Some(b'b'),
        "what was held back comes"
    );

    proxy.freeze_answers();
    assert_eq!(ask(&mut socket, b"c").await, None);
    proxy.cut_once();
    assert!(socket.read_u8().await.is_err(), "the connection ended");
    let mut socket = Socket::connect(proxy.addr())
        .await
        .expect("a new connection");
    assert_eq!(ask(&mut socket, b"d").await, Some(b'd'));

    proxy.cut();
    assert!(socket.read_u8().await.is_err());
    let mut refused = Socket::connect(proxy.addr())
        .await
        .expect("the proxy itself is there");
    assert!(refused.read_u8().await.is_err());
}

/// A proxy before a server that answers what it is sent.
async fn echo() -> (Proxy, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    let proxy = Proxy::start(target).await;
    let socket = Socket::connect(proxy.addr()).await.expect("a connection");
    (proxy, socket)
}

async fn ask(socket: &mut Socket, bytes: &[u8]) -> Option<u8> {
    socket.write_all(bytes).await.expect("sent");
    answer(socket).await
}

async fn answer(socket: &mut Socket) -> Option<u8> {
    timeout(SOON, socket.read_u8()).await.ok()?.ok()
}

#[tokio::test]
#[should_panic(expected = "not within 30ms: rain; last seen: sun")]
async fn a_wait_that_fails_tells_what_was_seen_last() {
    eventually("rain", Duration::from_millis(30), async || {
        Err::<(), _>("sun")
    })
    .await;
}
