//! Ratings.

use redis_contracts::{
    ConversationMessage, Timestamp,
    event::{EventBody, FeedbackGiven},
};
use service_kit::Problem;
use uuid::Uuid;

use super::{
    Answer,
    records::Idempotency,
    signal::{Signal, SignalPlace, Signals},
};
use crate::asker::Asker;

/// What can be rated.
pub(crate) const MENTOR_REPLY: &str = "mentor_reply";

/// What a person says of a reply.
pub(crate) struct Rating {
    pub(crate) message_id: Uuid,
    /// 1 to 5.
    pub(crate) rating: u8,
    pub(crate) tags: Vec<String>,
    /// Empty: no words.
    pub(crate) comment: String,
}

impl Signals {
    /// Rates a reply that was given to the asker.
    pub(crate) async fn rate(
        &self,
        asker: &Asker,
        rating: Rating,
        idempotency: &Idempotency,
    ) -> Result<Answer<SignalPlace>, Problem> {
        let message_id = rating.message_id;
        let reply = self.own_reply(asker, message_id).await?;
        let body = EventBody::FeedbackGiven(FeedbackGiven {
            target_type: MENTOR_REPLY.to_owned(),
            target_id: message_id,
            user_id: reply.user_id,
            rating: rating.rating,
            tags: rating.tags,
            style: reply.style.clone(),
            propensity: Some(reply.propensity),
        });
        let comment = (!rating.comment.is_empty()).then(|| ConversationMessage {
            role: "person".to_owned(),
            text: rating.comment,
            at: Timestamp::now(),
            message_id: Some(message_id),
        });
        let signal = Signal {
            message_id,
            body,
            comment,
        };
        self.append(asker, &reply, signal, idempotency).await
    }
}
