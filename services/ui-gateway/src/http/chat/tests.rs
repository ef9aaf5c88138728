//! Replies as a mentor gives them, good and bad.

use std::sync::Mutex;

use rpc::ai::{
    GetStatusRequest, GetStatusResponse, GiveFeedbackRequest, RecordInteractionRequest, Recorded,
    ai_service_client::AiServiceClient,
    ai_service_server::{AiService, AiServiceServer},
};
use serde_json::{Value, json};
use service_kit::RequestContext;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use super::*;

type Piece = Result<ChatResponse, Status>;

/// A mentor that says what the test sends it, to the one who asks.
struct Scripted(Mutex<Option<mpsc::Receiver<Piece>>>);

#[tonic::async_trait]
impl AiService for Scripted {
    type ChatStream = ReceiverStream<Piece>;

    async fn chat(&self, _: Request<ChatRequest>) -> Result<Response<Self::ChatStream>, Status> {
        let script = self.0.lock().expect("no panic").take();
        let script = script.ok_or_else(|| Status::unavailable("asked before"))?;
        Ok(Response::new(ReceiverStream::new(script)))
    }

    async fn give_feedback(
        &self,
        _: Request<GiveFeedbackRequest>,
    ) -> Result<Response<Recorded>, Status> {
        Err(Status::unimplemented("chat only"))
    }

    async fn record_interaction(
        &self,
        _: Request<RecordInteractionRequest>,
    ) -> Result<Response<Recorded>, Status> {
        Err(Status::unimplemented("chat only"))
    }

    async fn get_status(
        &self,
        _: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        Err(Status::unimplemented("chat only"))
    }
}

/// Pieces of a scripted mentor, and the end that sends them.
async fn asked() -> (Streaming<ChatResponse>, mpsc::Sender<Piece>) {
    let (say, script) = mpsc::channel(8);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = tonic::transport::Server::builder()
        .add_service(AiServiceServer::new(Scripted(Mutex::new(Some(script)))))
        .serve_with_incoming(TcpIncoming::from(listener));
    actix_web::rt::spawn(server);
    let channel = rpc::connect(&format!("http://{address}"), None).expect("an address");
    let mut mentor = AiServiceClient::new(channel);
    let answer = mentor.chat(ChatRequest::default()).await;
    (answer.expect("an answer").into_inner(), say)
}

fn piece(part: Part) -> Piece {
    Ok(ChatResponse { part: Some(part) })
}

fn delta(text: &str) -> Piece {
    piece(Part::Delta(text.to_owned()))
}

fn context() -> SharedContext {
    Rc::new(RequestContext::from_headers(Some("request-1"), None))
}

/// Kind and data of each event.
async fn told(first: &str, pieces: Streaming<ChatResponse>) -> Vec<(String, Value)> {
    let events = events(context(), Part::Delta(first.to_owned()), pieces);
    let events: Vec<Bytes> = events.collect().await;
    let read = events.iter().map(|event| {
        let text = std::str::from_utf8(event).expect("text");
        let text = text.strip_suffix("\n\n").expect("an end");
        let (kind, data) = text.split_once('\n').expect("two lines");
        let data = data.strip_prefix("data: ").expect("data");
        let kind = kind.strip_prefix("event: ").expect("a kind");
        (kind.to_owned(), serde_json::from_str(data).expect("JSON"))
    });
    read.collect()
}

#[test]
fn an_event_is_one_line_of_data_whatever_is_in_it() {
    let delta = Delta {
        text: "one\ntwo\r\n\ndata: three".to_owned(),
    };
    assert_eq!(
        event("delta", &delta),
        "event: delta\ndata: {\"text\":\"one\\ntwo\\r\\n\\ndata: three\"}\n\n"
    );
}

#[actix_web::test]
async fn pieces_are_told_and_then_the_whole() {
    let (pieces, say) = asked().await;
    let reply = rpc::ai::Reply {
        text: "one two".to_owned(),
        profile_version: 3,
        ..rpc::ai::Reply::default()
    };
    say.send(delta(" two")).await.expect("heard");
    say.send(piece(Part::Reply(reply))).await.expect("heard");
    drop(say);
    let events = told("one", pieces).await;
    let kinds: Vec<_> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["delta", "delta", "done"]);
    assert_eq!(events[1].1, json!({"text": " two"}));
    assert_eq!(
        (&events[2].1["reply"], &events[2].1["profile_version"]),
        (&json!("one two"), &json!(3))
    );
}

#[actix_web::test]
async fn what_goes_wrong_later_is_the_last_event() {
    for (end, code) in [
        (
            Some(Problem::unavailable("The provider").into()),
            "unavailable",
        ),
        (None, "internal"),
    ] {
        let (pieces, say) = asked().await;
        if let Some(status) = end {
            say.send(Err(status)).await.expect("heard");
        }
        drop(say);
        let events = told("one", pieces).await;
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].0, "error");
        assert_eq!(
            (&events[1].1["code"], &events[1].1["request_id"]),
            (&json!(code), &json!("request-1"))
        );
    }
}

#[actix_web::test]
async fn when_the_client_has_gone_the_call_is_dropped() {
    let (pieces, say) = asked().await;
    let mut events = Box::pin(events(context(), Part::Delta("one".to_owned()), pieces));
    events.next().await.expect("an event");
    assert!(!say.is_closed());
    drop(events);
    say.closed().await;
}
