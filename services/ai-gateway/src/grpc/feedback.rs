//! Ratings.

use redis_access::AccessError;
use redis_contracts::{
    ConversationMessage, REPLY, ReplyRecord, Timestamp,
    event::{Event, EventBody, FeedbackGiven},
    script::{RecordSignal, record_signal},
};
use rpc::ai as api;
use service_kit::{Checker, Problem};
use tonic::Response;
use uuid::Uuid;

use super::{
    Call, Mentor, answer, id,
    record::{Idempotency, Said},
};

const MENTOR_REPLY: &str = "mentor_reply";
const RATINGS: std::ops::RangeInclusive<u32> = 1..=5;
const MOST_TAGS: usize = 10;
const LONGEST_TAG: usize = 64;
const LONGEST_COMMENT: usize = 2000;

impl Mentor {
    /// Whom the reply was given.
    pub(super) async fn give_feedback(
        &self,
        call: Call<api::GiveFeedbackRequest>,
    ) -> Result<Response<api::Recorded>, Problem> {
        let asked = &call.message;
        let mut checker = Checker::default();
        if asked.target_type != MENTOR_REPLY {
            checker.refuse("target_type", format!("expected {MENTOR_REPLY}"));
        }
        if !RATINGS.contains(&asked.rating) {
            checker.refuse("rating", "1 to 5");
        }
        let tags = checker.labels("tags", &asked.tags, MOST_TAGS, LONGEST_TAG);
        let comment = checker.text("comment", &asked.comment, 0, LONGEST_COMMENT);
        checker.finish()?;
        let message_id = id(&asked.target_id, "reply")?;
        let reply = self.own_reply(&call, message_id).await?;
        let event = call.event(
            message_id,
            EventBody::FeedbackGiven(FeedbackGiven {
                target_type: MENTOR_REPLY.to_owned(),
                target_id: message_id,
                user_id: reply.user_id,
                rating: u8::try_from(asked.rating).unwrap_or_default(),
                tags,
                style: reply.style.clone(),
                propensity: Some(reply.propensity),
            }),
        );
        let comment = (!comment.is_empty()).then(|| ConversationMessage {
            role: "person".to_owned(),
            text: comment,
            at: Timestamp::now(),
            message_id: Some(message_id),
        });
        let idempotency = call.idempotency("GiveFeedback", event.id);
        self.signal(message_id, &reply, &event, &idempotency, comment.as_ref())
            .await
    }

    /// A reply that was given to the caller, or not found.
    pub(super) async fn own_reply<T>(
        &self,
        call: &Call<T>,
        message_id: Uuid,
    ) -> Result<ReplyRecord, Problem> {
        let reply = self.streams.fields(&REPLY.key(message_id)).await;
        let reply = reply.or_else(AccessError::none_if_wrong_type)?;
        reply
            .filter(|reply| reply.user_id == call.caller.user().id)
            .ok_or_else(|| Problem::not_found("reply"))
    }

    /// Appends what a person makes of a reply; it answers once that is durable.
    pub(super) async fn signal(
        &self,
        message_id: Uuid,
        reply: &ReplyRecord,
        event: &Event,
        idempotency: &Idempotency,
        comment: Option<&ConversationMessage>,
    ) -> Result<Response<api::Recorded>, Problem> {
        if let Err(refused) = self.share.admit(reply.user_id) {
            // What was recorded before is answered all the same.
            let first = self.first_answer(reply.user_id, idempotency).await?;
            return match first {
                Some(first) => Ok(answer(recorded(&first)?, true)),
                None => Err(refused),
            };
        }
        let signal = RecordSignal {
            idempotency: &idempotency.name,
            request_sha256: &idempotency.request_sha256,
            user_id: reply.user_id,
            message_id,
            conversation_id: reply.conversation_id,
            event,
            event_json: event.encode().map_err(Problem::internal)?,
            comment,
        };
        let call = record_signal(&signal);
        match self.record_call(reply.user_id, &call, "reply").await? {
            Said::Recorded(told) => Ok(answer(recorded(&told)?, false)),
            Said::Replayed(told) => {
                let told = recorded(&told)?;
                // The script may have been sent twice; then it is the same call.
                let is_other = told.event_id != event.id.to_string();
                Ok(answer(told, is_other))
            }
        }
    }
}

/// Event id and position, with a space between.
fn recorded(told: &str) -> Result<api::Recorded, Problem> {
    let parts = told.split_once(' ');
    let (event_id, position) =
        parts.ok_or_else(|| Problem::internal("a script told no position"))?;
    Ok(api::Recorded {
        event_id: event_id.to_owned(),
        position: position.to_owned(),
    })
}
