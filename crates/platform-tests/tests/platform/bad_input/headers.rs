//! Headers, and what is no HTTP.

use reqwest::Method;
use serde_json::json;
use test_kit::{PATIENCE, Platform};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Owner;
use crate::log::id;

#[tokio::test]
async fn headers_that_make_a_change_safe_are_checked() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let tasks = format!("/api/projects/{}/tasks", id(&owner.project));
    for key in ["", &"k".repeat(129), "a b", "a\tb"] {
        let request = owner
            .person
            .request(Method::POST, &tasks)
            .header("idempotency-key", key);
        let answer = owner
            .person
            .send(request.json(&json!({"title": "x"})))
            .await;
        answer.expect_problem(422, "invalid");
    }
    let task = format!("/api/tasks/{}", id(&owner.task));
    for tag in ["\"999\"", "W/\"1\"", "x", "\"\"", "1"] {
        let request = owner
            .person
            .request(Method::PATCH, &task)
            .header("if-match", tag);
        owner
            .person
            .send(request.json(&json!({"title": "x"})))
            .await
            .expect_problem(412, "version_mismatch");
    }
}

#[tokio::test]
async fn what_is_no_http_harms_nobody() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let address = platform.base_url().trim_start_matches("http://").to_owned();
    let long = format!(
        "GET /api/me HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let lies = "POST /api/projects HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let garbage: [&[u8]; 8] = [
        b"\r\n\r\n",
        b"nothing\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        long.as_bytes(),
        lies.as_bytes(),
    ];
    for bytes in garbage {
        let mut socket = TcpStream::connect(&address).await.expect("a connection");
        // The gateway may have closed the connection before all of it was sent.
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(read.is_ok(), "it hangs: {text}");
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 4") || text.starts_with("HTTP/1.0 4"),
            "{text}"
        );
    }
    owner.person.get("/api/me").await.expect(200);
}
