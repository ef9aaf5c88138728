//! What every recording shares: the idempotency of a call, the head of an event, the reply of a script.

use rate_limits::DayShare;
use redis_access::{AccessError, StreamsPool};
use redis_contracts::{
    FirstAnswer, IDEMPOTENCY, Streams, Timestamp,
    event::{Event, EventBody},
    script::Invocation,
};
use service_kit::{Code, Problem};
use uuid::Uuid;

use crate::asker::Asker;

/// What makes a call safe to send again. Hashes are SHA-256 in hex.
pub(crate) struct Idempotency {
    /// Of the caller's key, where they sent one: only then may they ask again.
    pub(crate) key_hash: Option<String>,
    /// Of the method and the request.
    pub(crate) request_hash: String,
}

impl Idempotency {
    /// The name under which the first answer is kept. Without a key of the caller's, `own_id` stands for it:
    /// then it only guards against the script being sent twice.
    pub(super) fn name(&self, own_id: Uuid) -> String {
        self.key_hash.clone().unwrap_or_else(|| own_id.to_string())
    }
}

/// An event about a reply.
pub(super) fn event(asker: &Asker, message_id: Uuid, body: EventBody) -> Event {
    Event {
        id: Uuid::now_v7(),
        source: "/ai-gateway".to_owned(),
        subject: format!("reply/{message_id}"),
        time: Timestamp::now(),
        traceparent: Some(asker.context.traceparent.clone()),
        actor: asker.user_id(),
        project_id: None,
        body,
    }
}

/// What a recording script answered.
pub(super) enum RecordOutcome {
    /// It is recorded, with what goes with it.
    Recorded(String),
    /// It was recorded before; the first answer.
    Replayed(String),
}

impl RecordOutcome {
    /// Reads the reply of a recording script; `what` is not there when it is not the caller's.
    fn read((word, rest): (String, String), what: &str) -> Result<Self, Problem> {
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

/// The streams Redis, and how much a person may add to it in a day. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Records {
    pub(super) streams: StreamsPool,
    pub(super) share: DayShare,
}

impl Records {
    pub(crate) const fn new(streams: StreamsPool, share: DayShare) -> Self {
        Self { streams, share }
    }

    /// Runs a recording script; what it adds counts for the person's share of the day. `what` is not there when
    /// it is not theirs.
    pub(super) async fn record(
        &self,
        user_id: Uuid,
        call: &Invocation<Streams>,
        what: &str,
    ) -> Result<RecordOutcome, Problem> {
        let outcome = RecordOutcome::read(self.streams.invoke(call).await?, what)?;
        if let RecordOutcome::Recorded(_) = outcome {
            self.share.spend(user_id, call.bytes());
        }
        Ok(outcome)
    }

    /// The first answer to the caller's key, when there was one.
    pub(super) async fn first_answer(
        &self,
        user_id: Uuid,
        idempotency: &Idempotency,
    ) -> Result<Option<String>, Problem> {
        let Some(key_hash) = &idempotency.key_hash else {
            return Ok(None);
        };
        let key = IDEMPOTENCY.key((user_id, key_hash.clone()));
        let first = self.streams.get::<FirstAnswer>(&key).await;
        match first.or_else(AccessError::none_if_wrong_type)? {
            Some(first) if first.request_sha256 == idempotency.request_hash => {
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
