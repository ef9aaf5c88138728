//! What every recording shares: the idempotency of a call, the head of an event, the reply of a script.

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message;
use redis_access::AccessError;
use redis_contracts::{
    FirstAnswer, IDEMPOTENCY, Streams, Timestamp,
    event::{Event, EventBody},
    script::Invocation,
};
use service_kit::{Code, Problem};
use uuid::Uuid;

use super::{Call, Mentor};

/// The name under which a call's first answer is kept, and the hash of what was asked.
pub(super) struct Idempotency {
    pub(super) name: String,
    pub(super) request_sha256: String,
    /// Whether the caller may ask again.
    pub(super) is_keyed: bool,
}

impl<T: Message> Call<T> {
    /// The idempotency of this call. Without a key of the caller's, `own_id` stands for it: then it only
    /// guards against the script being sent twice.
    pub(super) fn idempotency(&self, method: &str, own_id: Uuid) -> Idempotency {
        let request = [method.as_bytes(), &[0], &self.message.encode_to_vec()].concat();
        let name = match &self.idempotency_key {
            Some(key) => hex(key.as_bytes()),
            None => own_id.to_string(),
        };
        Idempotency {
            name,
            request_sha256: hex(&request),
            is_keyed: self.idempotency_key.is_some(),
        }
    }

    /// An event of this call.
    pub(super) fn event(&self, message_id: Uuid, body: EventBody) -> Event {
        Event {
            id: Uuid::now_v7(),
            source: "/ai-gateway".to_owned(),
            subject: format!("reply/{message_id}"),
            time: Timestamp::now(),
            traceparent: Some(self.context.traceparent.clone()),
            actor: self.caller.user().id,
            project_id: None,
            body,
        }
    }
}

/// What a recording script said.
pub(super) enum Said {
    /// It is recorded, with what goes with it.
    Recorded(String),
    /// It was recorded before; the first answer.
    Replayed(String),
}

impl Said {
    /// Reads the reply of a recording script; `what` is not there when it is not the caller's.
    pub(super) fn read((word, rest): (String, String), what: &str) -> Result<Self, Problem> {
        match word.as_str() {
            "recorded" => Ok(Self::Recorded(rest)),
            "replayed" => Ok(Self::Replayed(rest)),
            "mismatch" => Err(mismatch()),
            "foreign" | "missing" => Err(Problem::not_found(what)),
            "full" => Err(full(&rest)),
            "broken" => Err(broken(&rest)),
            other => Err(Problem::internal(format!("a script answered {other}"))),
        }
    }
}

impl Mentor {
    /// Runs a recording script; what it adds counts for the person's share of the day. `what` is not there when
    /// it is not theirs.
    pub(super) async fn record_call(
        &self,
        user_id: Uuid,
        call: &Invocation<Streams>,
        what: &str,
    ) -> Result<Said, Problem> {
        let said = Said::read(self.streams.invoke(call).await?, what)?;
        if let Said::Recorded(_) = said {
            self.share.spend(user_id, call.bytes());
        }
        Ok(said)
    }

    /// The first answer to the caller's key, when there was one.
    pub(super) async fn first_answer(
        &self,
        user_id: Uuid,
        idempotency: &Idempotency,
    ) -> Result<Option<String>, Problem> {
        if !idempotency.is_keyed {
            return Ok(None);
        }
        let key = IDEMPOTENCY.key((user_id, idempotency.name.clone()));
        let first = self.streams.get::<FirstAnswer>(&key).await;
        match first.or_else(AccessError::none_if_wrong_type)? {
            Some(first) if first.request_sha256 == idempotency.request_sha256 => {
                Ok(Some(first.answer))
            }
            Some(_) => Err(mismatch()),
            None => Ok(None),
        }
    }
}

/// What was accepted is kept until it is learned from, so that nothing more can be accepted for now.
fn full(stream: &str) -> Problem {
    tracing::error!(
        stream.name = stream,
        "the stream takes no more until its group has read on"
    );
    let detail = "Nothing more can be recorded until what waits was learned from; try again later.";
    Problem::new(Code::Unavailable, detail)
}

/// Somebody has put something else in its place, or taken the last ID: its worker repairs that.
fn broken(stream: &str) -> Problem {
    // The worker that repairs it warns; this is said to each caller.
    tracing::debug!(
        stream.name = stream,
        "the stream takes no entries until it is repaired"
    );
    let detail = "Nothing can be recorded until a stream is repaired, which begins by itself within seconds; try again later.";
    Problem::new(Code::Unavailable, detail)
}

fn mismatch() -> Problem {
    let detail = "This Idempotency-Key was used for another request; take a new one.";
    Problem::new(Code::IdempotencyMismatch, detail)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let hash = digest(&SHA256, bytes);
    let mut text = String::with_capacity(64);
    for byte in hash.as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
