//! What a person makes of a reply, recorded: it is answered once it is durable.

use redis_access::AccessError;
use redis_contracts::{
    ConversationMessage, Position, REPLY, ReplyRecord,
    event::{Event, EventBody},
    script::{RecordSignal, record_signal},
};
use service_kit::Problem;
use uuid::Uuid;

use super::{
    Answer, Records,
    records::{Idempotency, RecordOutcome, event},
};
use crate::asker::Asker;

/// Records ratings and interactions.
pub(crate) struct Signals {
    pub(super) records: Records,
}

/// Where a signal is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalPlace {
    pub(crate) event_id: Uuid,
    /// In its stream.
    pub(crate) position: Position,
}

impl SignalPlace {
    /// As the script writes it: event id and position, with a space between.
    fn read(text: &str) -> Result<Self, Problem> {
        let parts = text.split_once(' ').and_then(|(event_id, position)| {
            Some(Self {
                event_id: Uuid::try_parse(event_id).ok()?,
                position: position.parse().ok()?,
            })
        });
        parts.ok_or_else(|| Problem::internal("a script answered no event id and position"))
    }
}

/// What is recorded of a reply.
pub(super) struct Signal {
    pub(super) message_id: Uuid,
    pub(super) body: EventBody,
    /// The words of a rating.
    pub(super) comment: Option<ConversationMessage>,
}

impl Signals {
    pub(crate) const fn new(records: Records) -> Self {
        Self { records }
    }

    /// A reply that was given to the asker, or not found.
    pub(super) async fn own_reply(
        &self,
        asker: &Asker,
        message_id: Uuid,
    ) -> Result<ReplyRecord, Problem> {
        let reply = self.records.streams.fields(&REPLY.key(message_id)).await;
        let reply = reply.or_else(AccessError::none_if_wrong_type)?;
        reply
            .filter(|reply| reply.user_id == asker.user_id())
            .ok_or_else(|| Problem::not_found("reply"))
    }

    /// Appends what a person makes of a reply; it answers once that is durable.
    pub(super) async fn append(
        &self,
        asker: &Asker,
        reply: &ReplyRecord,
        signal: Signal,
        idempotency: &Idempotency,
    ) -> Result<Answer<SignalPlace>, Problem> {
        if let Err(refused) = self.records.share.admit(reply.user_id) {
            // What was recorded before is answered all the same.
            let first = self.records.first_answer(reply.user_id, idempotency);
            let first = first.await?.ok_or(refused)?;
            return Ok(Answer {
                value: SignalPlace::read(&first)?,
                replayed: true,
            });
        }
        let event = event(asker, signal.message_id, signal.body);
        let call = record_signal(&RecordSignal {
            idempotency: &idempotency.name(event.id),
            request_sha256: &idempotency.request_hash,
            user_id: reply.user_id,
            message_id: signal.message_id,
            conversation_id: reply.conversation_id,
            event: &event,
            event_json: event.encode().map_err(Problem::internal)?,
            comment: signal.comment.as_ref(),
        });
        let outcome = self.records.record(reply.user_id, &call, "reply").await?;
        answer(&outcome, &event)
    }
}

fn answer(outcome: &RecordOutcome, event: &Event) -> Result<Answer<SignalPlace>, Problem> {
    match outcome {
        RecordOutcome::Recorded(place) => SignalPlace::read(place).map(Answer::first),
        RecordOutcome::Replayed(place) => {
            let place = SignalPlace::read(place)?;
            Ok(Answer {
                // The script may have been sent twice; then it is the same call.
                replayed: place.event_id != event.id,
                value: place,
            })
        }
    }
}
