//! What people do with replies.

use redis_contracts::event::{EventBody, InteractionKind, InteractionRecorded, SuggestionRef};
use service_kit::Problem;
use uuid::Uuid;

use super::{
    Answer,
    records::Idempotency,
    signal::{Signal, SignalPlace, Signals},
};
use crate::asker::Asker;

/// What a person did with a reply.
pub(crate) struct Interaction {
    pub(crate) message_id: Uuid,
    pub(crate) kind: InteractionKind,
    /// The suggestion that was accepted or dismissed.
    pub(crate) suggestion: Option<SuggestionRef>,
}

impl Signals {
    /// Records what was done with a reply that was given to the asker.
    pub(crate) async fn interact(
        &self,
        asker: &Asker,
        interaction: Interaction,
        idempotency: &Idempotency,
    ) -> Result<Answer<SignalPlace>, Problem> {
        let message_id = interaction.message_id;
        let reply = self.own_reply(asker, message_id).await?;
        let body = EventBody::InteractionRecorded(InteractionRecorded {
            user_id: reply.user_id,
            kind: interaction.kind,
            message_id: Some(message_id),
            suggestion: interaction.suggestion,
        });
        let signal = Signal {
            message_id,
            body,
            comment: None,
        };
        self.append(asker, &reply, signal, idempotency).await
    }
}
