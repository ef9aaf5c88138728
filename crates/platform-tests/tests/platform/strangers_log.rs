//! What strangers send is no line in the log that somebody has to look at.

use test_kit::Platform;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn a_head_that_is_no_request_is_answered_and_writes_no_log() {
    let mut platform = Platform::start().await;
    // While the platform starts, what is not there yet may be told.
    let before = platform.service("ui-gateway").log().len();
    let long = "a".repeat(70_000);
    let many = (0..40).map(|index| format!("x-{index}: {}\r\n", "b".repeat(1000)));
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\n{}", many.collect::<String>());
    let heads = [
        // Too long as a path and as a head: which of them is seen first depends on how it arrives.
        (format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), "4"),
        ("\0\0\0 nonsense\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400"),
        // The rest never comes.
        ("GET / HTTP/1.1\r\nhost: x\r\n".to_owned(), "408"),
        (large, "431"),
    ];
    for (head, status) in heads {
        let answer = answer_to(platform.base_url(), &head).await;
        let shown = &head[..head.len().min(40)];
        let begin = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&begin), "{shown:?}: {answer:?}");
    }
    platform.person().await.get("/api/me").await.expect(200);
    let log = platform.service("ui-gateway").log().split_off(before);
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
}

/// Whatever comes until the connection is closed.
async fn answer_to(base_url: &str, head: &str) -> String {
    let address = base_url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // It may be refused before it is sent whole.
    let sent = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    assert!(!answer.is_empty(), "{sent:?} {read:?}");
    String::from_utf8_lossy(&answer).into_owned()
}
