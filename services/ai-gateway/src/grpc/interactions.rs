//! What people do with replies, over gRPC.

use redis_contracts::event::{InteractionKind, SuggestionRef};
use rpc::ai as api;
use service_kit::{Checker, Problem};
use tonic::Response;
use uuid::Uuid;

use super::{Call, Mentor, answer, id};
use crate::{conversation::Interaction, domain::mentor::SuggestionKind};

/// The kinds that are told of. That something was asked, the mentor records itself.
const KINDS: [InteractionKind; 4] = [
    InteractionKind::Copied,
    InteractionKind::FollowedUp,
    InteractionKind::Accepted,
    InteractionKind::Dismissed,
];

impl Mentor {
    /// Whom the reply was given.
    pub(super) async fn record_interaction(
        &self,
        call: Call<api::RecordInteractionRequest>,
    ) -> Result<Response<api::Recorded>, Problem> {
        let interaction = checked(&call.message)?;
        let idempotency = call.idempotency("RecordInteraction");
        let place = self
            .signals
            .interact(&call.asker, interaction, &idempotency)
            .await?;
        Ok(answer(place, Into::into))
    }
}

fn checked(asked: &api::RecordInteractionRequest) -> Result<Interaction, Problem> {
    let mut checker = Checker::default();
    let kind = kind(&mut checker, &asked.kind);
    let suggestion = suggestion(&mut checker, kind, asked.suggestion.as_ref());
    checker.finish()?;
    Ok(Interaction {
        message_id: id(&asked.message_id, "reply")?,
        kind,
        suggestion,
    })
}

fn kind(checker: &mut Checker, name: &str) -> InteractionKind {
    let known = KINDS.into_iter().find(|kind| kind.name() == name);
    known.unwrap_or_else(|| {
        let names = KINDS.map(InteractionKind::name).join(", ");
        checker.refuse("kind", format!("one of {names}"));
        InteractionKind::Copied
    })
}

/// The suggestion that was accepted or dismissed; other kinds have none.
fn suggestion(
    checker: &mut Checker,
    kind: InteractionKind,
    given: Option<&api::Suggestion>,
) -> Option<SuggestionRef> {
    let is_about_one = matches!(kind, InteractionKind::Accepted | InteractionKind::Dismissed);
    match given {
        None if is_about_one => {
            checker.refuse("suggestion", "say which one was accepted or dismissed");
            None
        }
        None => None,
        Some(given) => {
            let names = SuggestionKind::ALL.map(SuggestionKind::name);
            if !names.contains(&given.kind.as_str()) {
                let names = names.join(", ");
                checker.refuse("suggestion.kind", format!("one of {names}"));
            }
            let task_id = Uuid::try_parse(&given.task_id);
            let task_id = task_id.inspect_err(|_| checker.refuse("suggestion.task_id", "a UUID"));
            Some(SuggestionRef {
                kind: given.kind.clone(),
                task_id: task_id.ok()?,
            })
        }
    }
}
