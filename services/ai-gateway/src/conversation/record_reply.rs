//! What is recorded of a reply: itself, its conversation and its events, in one script.

use redis_contracts::{
    ConversationMessage, FirstAnswer, ReplyRecord, Timestamp,
    event::{EventBody, InteractionKind, InteractionRecorded, MentorAdapted, MentorReplied},
    script::{Adapted, RecordReply, record_reply},
};
use service_kit::Problem;
use uuid::Uuid;

use super::{
    Conversations, NewMessage, Reply,
    ask::Draft,
    records::{Idempotency, RecordOutcome, event},
};
use crate::asker::Asker;

impl Conversations {
    /// Records the reply to a message, once per idempotency key.
    pub(super) async fn record(
        &self,
        asker: &Asker,
        message: &NewMessage,
        draft: &Draft,
        idempotency: &Idempotency,
    ) -> Result<RecordOutcome, Problem> {
        let reply = &draft.reply;
        let answer = match idempotency.key_hash {
            Some(_) => reply.to_stored()?,
            None => String::new(),
        };
        let record = RecordReply {
            idempotency: &idempotency.name(reply.message_id),
            first_answer: &FirstAnswer {
                request_sha256: idempotency.request_hash.clone(),
                answer,
            },
            message_id: reply.message_id,
            asked: &said("person", &message.text, None),
            replied: &said("mentor", &reply.text, Some(reply.message_id)),
            replied_event: encoded(asker, reply.message_id, replied(asker, message, draft))?,
            asked_event: encoded(asker, reply.message_id, asked(asker, reply.message_id))?,
            adapted_event: adapted(asker, reply)?,
            reply: &ReplyRecord {
                user_id: asker.user_id(),
                conversation_id: reply.conversation_id,
                style: reply.style.clone(),
                propensity: draft.drawn.propensity,
                profile_version: reply.profile_version,
            },
            goes_on: message.conversation_id.is_some(),
            seen: &draft.composed.seen,
        };
        self.records
            .record(asker.user_id(), &record_reply(&record), "conversation")
            .await
    }
}

fn said(role: &str, text: &str, message_id: Option<Uuid>) -> ConversationMessage {
    ConversationMessage {
        role: role.to_owned(),
        text: text.to_owned(),
        at: Timestamp::now(),
        message_id,
    }
}

fn encoded(asker: &Asker, message_id: Uuid, body: EventBody) -> Result<String, Problem> {
    let event = event(asker, message_id, body);
    event.encode().map_err(Problem::internal)
}

fn replied(asker: &Asker, message: &NewMessage, draft: &Draft) -> EventBody {
    let reply = &draft.reply;
    EventBody::MentorReplied(MentorReplied {
        message_id: reply.message_id,
        conversation_id: reply.conversation_id,
        user_id: asker.user_id(),
        project_id: message.project_id,
        style: reply.style.clone(),
        propensity: draft.drawn.propensity,
        profile_version: reply.profile_version,
        source: reply.source.clone(),
    })
}

fn asked(asker: &Asker, message_id: Uuid) -> EventBody {
    EventBody::InteractionRecorded(InteractionRecorded {
        user_id: asker.user_id(),
        kind: InteractionKind::Asked,
        message_id: Some(message_id),
        suggestion: None,
    })
}

/// The script writes the version before.
fn adapted(asker: &Asker, reply: &Reply) -> Result<Adapted, Problem> {
    let body = EventBody::MentorAdapted(MentorAdapted {
        user_id: asker.user_id(),
        message_id: reply.message_id,
        profile_version: reply.profile_version,
        style: reply.style.clone(),
        previous_version: 0,
    });
    Adapted::new(event(asker, reply.message_id, body)).map_err(Problem::internal)
}
