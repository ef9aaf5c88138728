//! The mentor's chat: the whole reply at once, or piece by piece as it is written.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use actix_web::{HttpResponse, http::header::ACCEPT, web::Bytes};
use futures_util::{Stream, StreamExt, stream};
use rpc::{
    Malformed,
    ai::{ChatRequest, ChatResponse, chat_response::Part},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::{Code, Problem};
use tonic::Streaming;

use super::{
    Document, Signed,
    call::Call,
    envelope::SharedContext,
    header::lists,
    idempotency::IdempotencyKey,
    input::Json,
    reply::{Answer, Reply, ResponseDoc, note_replayed},
};

/// How long the mentor may take to begin, and from each piece of the reply to the next.
const PIECE_WITHIN: Duration = Duration::from_secs(30);

const EVENT_STREAM: &str = "text/event-stream";

/// A message to the mentor.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"message": "What is next?"}))]
pub(super) struct Question {
    /// The conversation that it goes on with; a new one when there is none.
    conversation_id: Option<String>,
    /// The project it is about; all of the caller's when there is none.
    project_id: Option<String>,
    /// Text.
    message: String,
}

/// The reply at once, or as events: `delta` with a piece of the text, then `done` with the whole, or `error`
/// with a problem.
pub(super) struct ChatReply(HttpResponse);

impl Reply for ChatReply {
    fn responses() -> Vec<ResponseDoc> {
        let headers = &["Idempotent-Replayed"];
        vec![
            ResponseDoc::json::<MentorReply>(200).with(headers),
            ResponseDoc::of::<String>(200, EVENT_STREAM).with(headers),
        ]
    }

    fn respond(self) -> HttpResponse {
        self.0
    }
}

/// Signed in: in their own conversations, about projects of theirs. What is wrong before the first
/// piece is the answer's own status.
pub(super) async fn chat(
    signed: Signed,
    mut call: Call,
    body: Json<Question>,
    key: IdempotencyKey,
) -> Answer<ChatReply> {
    let open = call.state.drain.enter(&call.request);
    let of = body.read(&mut call).await?;
    let mut request = key.on(signed.call(ChatRequest {
        conversation_id: named(of.conversation_id, "conversation")?,
        project_id: named(of.project_id, "project")?,
        message: of.message,
    }))?;
    request.set_timeout(PIECE_WITHIN);
    let mut mentor = call.chat();
    let begin = async {
        let answer = mentor.chat(request).await?;
        let (metadata, mut pieces, _) = answer.into_parts();
        let first = next_piece(&mut pieces).await?;
        Ok::<_, Problem>((metadata, first, pieces))
    };
    let (metadata, first, mut pieces) = in_time(begin).await?;
    let mut answer = HttpResponse::Ok();
    note_replayed(&mut answer, &metadata);
    if !lists(&call.request, &ACCEPT, EVENT_STREAM) {
        let reply = whole(first, &mut pieces).await?;
        return Ok(ChatReply(answer.json(MentorReply::from(reply))));
    }
    let events = events(Rc::clone(&call.context), first, pieces).map(move |event| {
        let _counted_until_the_last_event = &open;
        Ok::<_, actix_web::Error>(event)
    });
    let answer = answer.content_type(EVENT_STREAM).streaming(events);
    Ok(ChatReply(answer))
}

/// An empty id is none to the service; here it names nothing.
fn named(id: Option<String>, what: &str) -> Result<String, Problem> {
    match id {
        Some(id) if id.is_empty() => Err(Problem::not_found(what)),
        id => Ok(id.unwrap_or_default()),
    }
}

async fn next_piece(pieces: &mut Streaming<ChatResponse>) -> Result<Part, Problem> {
    let piece = pieces.message().await?;
    let part = piece.and_then(|piece| piece.part);
    part.ok_or_else(|| Malformed("part").into())
}

async fn in_time<T>(taken: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let in_time = tokio::time::timeout(PIECE_WITHIN, taken).await;
    in_time.unwrap_or_else(|_| {
        let detail = "The mentor did not go on in time; ask again.";
        Err(Problem::new(Code::DeadlineExceeded, detail))
    })
}

async fn whole(
    first: Part,
    pieces: &mut Streaming<ChatResponse>,
) -> Result<rpc::ai::Reply, Problem> {
    let mut part = first;
    loop {
        match part {
            Part::Reply(reply) => {
                end(pieces).await;
                return Ok(reply);
            }
            Part::Delta(_) => part = in_time(next_piece(pieces)).await?,
        }
    }
}

/// Reads the end of a call whose reply is there. A call that is dropped before its end is reset, and
/// HTTP/2 takes many resets for an attack and closes the connection that all calls share.
async fn end(pieces: &mut Streaming<ChatResponse>) {
    // The reply counts, however its call ends.
    let _ = in_time(async { Ok(pieces.message().await?) }).await;
}

/// A reply that is being told. When the client has gone it is dropped, and the call with it.
struct ReplyStream {
    context: SharedContext,
    /// Received, and not told yet.
    first: Option<Part>,
    pieces: Streaming<ChatResponse>,
}

/// Pieces until the whole, or until what went wrong.
fn events(
    context: SharedContext,
    first: Part,
    pieces: Streaming<ChatResponse>,
) -> impl Stream<Item = Bytes> {
    let start = ReplyStream {
        context,
        first: Some(first),
        pieces,
    };
    stream::unfold(Some(start), async |telling| {
        let mut telling = telling?;
        let part = match telling.first.take() {
            Some(first) => Ok(first),
            None => in_time(next_piece(&mut telling.pieces)).await,
        };
        Some(match part {
            Ok(Part::Delta(text)) => (event("delta", &Delta { text }), Some(telling)),
            Ok(Part::Reply(reply)) => {
                end(&mut telling.pieces).await;
                (event("done", &MentorReply::from(reply)), None)
            }
            Err(problem) => {
                let document = Document::new(&problem, &telling.context.request_id);
                (event("error", &document), None)
            }
        })
    })
}

/// One server-sent event. JSON has no line breaks of its own.
fn event(kind: &str, data: &impl Serialize) -> Bytes {
    // Texts and numbers can always be written.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {kind}\ndata: {data}\n\n").into()
}

#[derive(Serialize)]
struct Delta {
    text: String,
}

/// A reply of the mentor.
#[derive(Serialize, JsonSchema)]
struct MentorReply {
    conversation_id: String,
    message_id: String,
    reply: String,
    style: BTreeMap<String, String>,
    references: Vec<Reference>,
    suggestions: Vec<Suggestion>,
    cached: bool,
    source: String,
    profile_version: u64,
}

#[derive(Serialize, JsonSchema)]
struct Reference {
    r#type: String,
    id: String,
    r#ref: String,
}

#[derive(Serialize, JsonSchema)]
struct Suggestion {
    kind: String,
    task_id: String,
    label: String,
}

impl From<rpc::ai::Reply> for MentorReply {
    fn from(reply: rpc::ai::Reply) -> Self {
        let references = reply.references.into_iter().map(|of| Reference {
            r#type: of.r#type,
            id: of.id,
            r#ref: of.r#ref,
        });
        let suggestions = reply.suggestions.into_iter().map(|of| Suggestion {
            kind: of.kind,
            task_id: of.task_id,
            label: of.label,
        });
        Self {
            conversation_id: reply.conversation_id,
            message_id: reply.message_id,
            reply: reply.text,
            style: reply.style.into_iter().collect(),
            references: references.collect(),
            suggestions: suggestions.collect(),
            cached: reply.cached,
            source: reply.source,
            profile_version: reply.profile_version,
        }
    }
}
