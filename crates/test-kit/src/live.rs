//! A WebSocket to the gateway.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use crate::PATIENCE;

/// A WebSocket of a person.
pub struct Live {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// Why there is no next frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The gateway closed the socket.
    Closed {
        /// Close code.
        code: u16,
        /// Its words.
        reason: String,
    },
    /// The wire broke.
    Broken(String),
    /// Nothing came in time.
    Silent,
}

impl Live {
    /// Opens a socket; an upgrade that is refused is [`tungstenite::Error::Http`].
    pub async fn connect(base_url: &str, token: &str) -> Result<Self, tungstenite::Error> {
        let url = format!("{}/api/realtime/ws", base_url.replacen("http", "ws", 1));
        let mut request = url.into_client_request()?;
        let bearer = format!("Bearer {token}").parse();
        request
            .headers_mut()
            .insert("authorization", bearer.expect("a token is plain text"));
        let connecting = tokio_tungstenite::connect_async(request);
        let (socket, _) = tokio::time::timeout(PATIENCE, connecting)
            .await
            .map_err(|_| tungstenite::Error::Io(std::io::ErrorKind::TimedOut.into()))??;
        Ok(Self { socket })
    }

    /// Asks for a topic, from after a position on.
    pub async fn subscribe(&mut self, topic: &str, after: Option<&str>) {
        let mut frame = json!({"type": "subscribe", "topic": topic});
        if let Some(after) = after {
            frame["after"] = json!(after);
        }
        self.send(&frame.to_string()).await;
    }

    /// Sends a text frame. A socket that is closed says so at the next [`Live::next`].
    pub async fn send(&mut self, text: &str) {
        let _ = self.socket.send(Message::text(text)).await;
    }

    /// Sends a binary frame.
    pub async fn send_binary(&mut self, bytes: &[u8]) {
        let _ = self.socket.send(Message::binary(bytes.to_vec())).await;
    }

    /// The next frame within [`PATIENCE`].
    pub async fn next(&mut self) -> Result<Value, Lost> {
        self.next_within(PATIENCE).await
    }

    /// The next frame.
    pub async fn next_within(&mut self, timeout: Duration) -> Result<Value, Lost> {
        match tokio::time::timeout(timeout, self.read()).await {
            Ok(frame) => frame,
            Err(_) => Err(Lost::Silent),
        }
    }

    /// The next frame, which has to be of this type.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let frame = self.next().await;
        match frame {
            Ok(frame) if frame["type"] == kind => frame,
            other => panic!("expected a frame `{kind}`: {other:?}"),
        }
    }

    /// The code the socket is closed with; frames before that are passed over.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.next().await {
                Ok(_) => {}
                Err(Lost::Closed { code, .. }) => return code,
                Err(other) => panic!("expected a close: {other:?}"),
            }
        }
    }

    async fn read(&mut self) -> Result<Value, Lost> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text)
                        .map_err(|error| Lost::Broken(error.to_string()));
                }
                Some(Ok(Message::Close(frame))) => return Err(closed(frame)),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Lost::Broken(error.to_string())),
                None => return Err(Lost::Broken("the stream ended".to_owned())),
            }
        }
    }
}

fn closed(frame: Option<tungstenite::protocol::CloseFrame>) -> Lost {
    match frame {
        Some(frame) => Lost::Closed {
            code: frame.code.into(),
            reason: frame.reason.to_string(),
        },
        None => Lost::Broken("closed without a code".to_owned()),
    }
}
