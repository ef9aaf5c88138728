//! The WebSocket of the person.

use anyhow::{Context, ensure};
use futures_util::{SinkExt, StreamExt};
use reqwest::{RequestBuilder, Upgraded, header};
use serde_json::{Value, json};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::Role,
    },
};

use crate::api::Api;

/// Where it is opened.
pub(super) const PATH: &str = "/api/realtime/ws";

/// An open socket.
pub(super) struct Live {
    socket: WebSocketStream<Upgraded>,
}

impl Live {
    /// Opens it over the client of all other requests: with the same TLS and the same proxy.
    pub(super) async fn open(request: RequestBuilder, api: &Api) -> anyhow::Result<Self> {
        let key = generate_key();
        let request = request
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key);
        let response = api.send(request).await?;
        let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        ensure!(
            accepted.is_some_and(|accepted| *accepted == derive_accept_key(key.as_bytes())),
            "the answer, {}, is not that of a WebSocket",
            response.status()
        );
        let stream = response.upgrade().await?;
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        Ok(Self { socket })
    }

    /// Asks for the topic of a project or a person, and waits until it is given.
    pub(super) async fn subscribe(&mut self, kind: &str, id: &str) -> anyhow::Result<()> {
        let topic = format!("{kind}:{id}");
        let frame = json!({"type": "subscribe", "topic": topic}).to_string();
        self.socket.send(Message::text(frame)).await?;
        let answer = self.read(|frame| frame["topic"] == topic).await?;
        ensure!(
            answer["type"] == "subscribed",
            "{topic} was refused: {}",
            answer["code"]
        );
        Ok(())
    }

    /// The next event of this type.
    pub(super) async fn hear(&mut self, kind: &str) -> anyhow::Result<Value> {
        let mut frame = self.read(|frame| frame["event"]["type"] == kind).await?;
        Ok(frame["event"].take())
    }

    async fn read(&mut self, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        loop {
            let message = self
                .socket
                .next()
                .await
                .context("the socket was closed")??;
            if let Message::Text(text) = message {
                let frame: Value = serde_json::from_str(&text)?;
                if wanted(&frame) {
                    return Ok(frame);
                }
            }
        }
    }
}
