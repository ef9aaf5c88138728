//! What people make of the mentor's replies: ratings, and what was done with them.

use actix_web::HttpResponse;
use rpc::ai::{GiveFeedbackRequest, RecordInteractionRequest, Recorded, Suggestion};
use serde::Serialize;
use tonic::Response;

use super::{
    Signed,
    call::Call,
    reply::{Answer, tell_replayed},
};

/// Whom the reply was given.
pub(super) async fn rate(signed: Signed, mut call: Call) -> Answer {
    let message = call
        .json(|body| GiveFeedbackRequest {
            target_type: body.text("target_type"),
            target_id: body.text("target_id"),
            rating: body.number("rating"),
            tags: body.optional_texts("tags").unwrap_or_default(),
            comment: body.text_or_null("comment").unwrap_or_default(),
        })
        .await?;
    let request = call.keyed(signed.call(message))?;
    accepted(
        call.state
            .upstream
            .ai
            .clone()
            .give_feedback(request)
            .await?,
    )
}

/// Whom the reply was given.
pub(super) async fn interact(signed: Signed, mut call: Call) -> Answer {
    let message = call
        .json(|body| RecordInteractionRequest {
            message_id: body.text("message_id"),
            kind: body.text("kind"),
            suggestion: body.object_or_null("suggestion", |of| Suggestion {
                kind: of.text("kind"),
                task_id: of.text("task_id"),
                label: of.text_or_null("label").unwrap_or_default(),
            }),
        })
        .await?;
    let request = call.keyed(signed.call(message))?;
    let recorded = call
        .state
        .upstream
        .ai
        .clone()
        .record_interaction(request)
        .await?;
    accepted(recorded)
}

#[derive(Serialize)]
struct Accepted {
    event_id: String,
    position: String,
}

/// 202: it is stored, and counts soon.
fn accepted(answer: Response<Recorded>) -> Answer {
    let mut builder = HttpResponse::Accepted();
    tell_replayed(&mut builder, answer.metadata());
    let recorded = answer.into_inner();
    Ok(builder.json(Accepted {
        event_id: recorded.event_id,
        position: recorded.position,
    }))
}
