//! What people make of the mentor's replies: ratings, and what was done with them.

use rpc::ai::{GiveFeedbackRequest, RecordInteractionRequest, Recorded, Suggestion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tonic::Response;

use super::{
    Signed,
    call::Call,
    idempotency::IdempotencyKey,
    input::Json,
    reply::{Accepted, Answer},
};

/// A rating of a reply.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"target_type": "mentor_reply", "target_id": "018f2b6e-5b1c-7a3d-9e4f-0123456789ab", "rating": 5, "tags": ["clear"]}))]
pub(super) struct Rating {
    /// `mentor_reply`.
    target_type: String,
    /// The message that is rated.
    target_id: String,
    /// 1 (bad) to 5 (good).
    rating: u32,
    /// What it is about.
    #[serde(default)]
    tags: Vec<String>,
    /// Text.
    comment: Option<String>,
}

/// What was done with a reply.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"message_id": "018f2b6e-5b1c-7a3d-9e4f-0123456789ab", "kind": "copied"}))]
pub(super) struct Interaction {
    /// The message it was done with.
    message_id: String,
    /// `copied`, `followed_up`, `accepted`, `dismissed` or `undone`.
    kind: String,
    /// The suggestion that it was done with, where it was one.
    suggestion: Option<SuggestionRef>,
}

/// A suggestion of a reply.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SuggestionRef {
    /// Its kind.
    kind: String,
    /// The task it is about.
    task_id: String,
    /// What it is called.
    label: Option<String>,
}

/// Whom the reply was given.
pub(super) async fn rate(
    signed: Signed,
    mut call: Call,
    body: Json<Rating>,
    key: IdempotencyKey,
) -> Answer<Accepted<Receipt>> {
    let of = body.read(&mut call).await?;
    let request = key.on(signed.call(GiveFeedbackRequest {
        target_type: of.target_type,
        target_id: of.target_id,
        rating: of.rating,
        tags: of.tags,
        comment: of.comment.unwrap_or_default(),
    }))?;
    Ok(accepted(call.mentor().give_feedback(request).await?))
}

/// Whom the reply was given.
pub(super) async fn interact(
    signed: Signed,
    mut call: Call,
    body: Json<Interaction>,
    key: IdempotencyKey,
) -> Answer<Accepted<Receipt>> {
    let of = body.read(&mut call).await?;
    let request = key.on(signed.call(RecordInteractionRequest {
        message_id: of.message_id,
        kind: of.kind,
        suggestion: of.suggestion.map(|of| Suggestion {
            kind: of.kind,
            task_id: of.task_id,
            label: of.label.unwrap_or_default(),
        }),
    }))?;
    let recorded = call.mentor().record_interaction(request).await?;
    Ok(accepted(recorded))
}

/// What was stored.
#[derive(Serialize, JsonSchema)]
pub(super) struct Receipt {
    /// The event that it is.
    event_id: String,
    /// Its position in its stream.
    position: String,
}

/// It is stored, and counts soon.
fn accepted(answer: Response<Recorded>) -> Accepted<Receipt> {
    let (metadata, Recorded { event_id, position }, _) = answer.into_parts();
    Accepted::new(Receipt { event_id, position }, metadata)
}
