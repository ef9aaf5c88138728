//! A question and its reply. Nothing is shown that was not recorded.

use std::{sync::LazyLock, time::Instant};

use futures_util::stream;
use prometheus::{Histogram, IntCounterVec, register_histogram, register_int_counter_vec};
use redis_contracts::{
    ConversationMessage, FirstAnswer, ReplyRecord, Timestamp,
    event::{EventBody, InteractionKind, InteractionRecorded, MentorAdapted, MentorReplied},
    script::{Adapted, RecordReply, record_reply},
};
use rpc::ai as api;
use service_kit::{Checker, Problem, metrics::REQUEST_SECONDS};
use tonic::Response;
use uuid::Uuid;

use super::{
    Call, Mentor, Replies, SOURCE, answer, id,
    kept::{read_first, write_first},
    record::{Idempotency, Said},
};
use crate::domain::{
    mentor::{Composed, Question, asked_task, compose},
    style::{Drawn, draw},
};

const LONGEST_MESSAGE: usize = 8000;

/// Characters of a piece of the text, about.
const PIECE: usize = 48;

static REPLIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_mentor_replies_total",
        "Replies that were recorded.",
        &["source"]
    )
    .expect("a metric is registered once")
});

static COMPOSING: LazyLock<Histogram> = LazyLock::new(|| {
    register_histogram!(
        "devmentor_mentor_reply_duration_seconds",
        "Time from a question to its recorded reply.",
        REQUEST_SECONDS.to_vec()
    )
    .expect("a metric is registered once")
});

/// What was asked, checked.
struct Asked {
    message: String,
    conversation_id: Uuid,
    /// It was named in the request, so it has to be there.
    goes_on: bool,
    project_id: Option<Uuid>,
}

/// A reply, before it is recorded.
struct Draft {
    message_id: Uuid,
    drawn: Drawn,
    profile_version: u64,
    composed: Composed,
}

impl Mentor {
    /// Anyone signed in, about their own projects.
    pub(super) async fn chat(
        &self,
        call: Call<api::ChatRequest>,
    ) -> Result<Response<Replies>, Problem> {
        let began = Instant::now();
        let asked = checked(&call.message)?;
        let message_id = Uuid::now_v7();
        let idempotency = call.idempotency("Chat", message_id);
        let user_id = call.caller.user().id;
        if let Some(first) = self.first_answer(user_id, &idempotency).await? {
            return Ok(answer(pieces(read_first(&first)?), true));
        }
        self.share.admit(user_id)?;
        let draft = self.draft(&call, &asked, message_id).await?;
        let reply = reply(&asked, &draft);
        match self
            .record(&call, &asked, draft, &reply, &idempotency)
            .await?
        {
            Said::Replayed(first) if idempotency.is_keyed => {
                let first = read_first(&first)?;
                // The script may have been sent twice; then it is the same call.
                let is_other = first.message_id != reply.message_id;
                Ok(answer(pieces(first), is_other))
            }
            Said::Recorded(_) | Said::Replayed(_) => {
                REPLIES.with_label_values(&[SOURCE]).inc();
                COMPOSING.observe(began.elapsed().as_secs_f64());
                Ok(answer(pieces(reply), false))
            }
        }
    }

    async fn draft(
        &self,
        call: &Call<api::ChatRequest>,
        asked: &Asked,
        message_id: Uuid,
    ) -> Result<Draft, Problem> {
        let user_id = call.caller.user().id;
        let (memory, profile) = tokio::try_join!(self.memory(user_id), self.profile(user_id))?;
        let projects = self.projects(call, asked.project_id, &memory).await?;
        let drawn = draw(&profile.style, &mut rand::rng());
        let question = Question {
            message: &asked.message,
            asker: user_id,
            now: Timestamp::now(),
        };
        let task = match asked_task(&asked.message, &projects) {
            Some(reference) => self.named_task(call, reference).await?,
            None => None,
        };
        let composed = compose(question, projects, task.as_ref(), &drawn.style);
        Ok(Draft {
            message_id,
            drawn,
            profile_version: profile.version,
            composed,
        })
    }

    async fn record(
        &self,
        call: &Call<api::ChatRequest>,
        asked: &Asked,
        draft: Draft,
        reply: &api::Reply,
        idempotency: &Idempotency,
    ) -> Result<Said, Problem> {
        let user_id = call.caller.user().id;
        let Draft {
            message_id,
            drawn,
            profile_version,
            composed,
        } = draft;
        let encode = |body| {
            call.event(message_id, body)
                .encode()
                .map_err(Problem::internal)
        };
        let message = |role: &str, text: &str, message_id| ConversationMessage {
            role: role.to_owned(),
            text: text.to_owned(),
            at: Timestamp::now(),
            message_id,
        };
        let adapted = call.event(
            message_id,
            EventBody::MentorAdapted(MentorAdapted {
                user_id,
                message_id,
                profile_version,
                style: drawn.style.clone(),
                previous_version: 0,
            }),
        );
        let record = RecordReply {
            idempotency: &idempotency.name,
            first_answer: &FirstAnswer {
                request_sha256: idempotency.request_sha256.clone(),
                answer: match idempotency.is_keyed {
                    true => write_first(reply)?,
                    false => String::new(),
                },
            },
            message_id,
            asked: &message("person", &asked.message, None),
            replied: &message("mentor", &composed.text, Some(message_id)),
            replied_event: encode(EventBody::MentorReplied(MentorReplied {
                message_id,
                conversation_id: asked.conversation_id,
                user_id,
                project_id: asked.project_id,
                style: drawn.style.clone(),
                propensity: drawn.propensity,
                profile_version,
                source: SOURCE.to_owned(),
            }))?,
            asked_event: encode(EventBody::InteractionRecorded(InteractionRecorded {
                user_id,
                kind: InteractionKind::Asked,
                message_id: Some(message_id),
                suggestion: None,
            }))?,
            adapted_event: Adapted::new(adapted).map_err(Problem::internal)?,
            reply: &ReplyRecord {
                user_id,
                conversation_id: asked.conversation_id,
                style: drawn.style,
                propensity: drawn.propensity,
                profile_version,
            },
            goes_on: asked.goes_on,
            seen: &composed.seen,
        };
        self.record_call(user_id, &record_reply(&record), "conversation")
            .await
    }
}

fn checked(message: &api::ChatRequest) -> Result<Asked, Problem> {
    let mut checker = Checker::default();
    let text = checker.text("message", &message.message, 1, LONGEST_MESSAGE);
    if !text.is_empty() && text.trim().is_empty() {
        checker.refuse("message", "more than blanks");
    }
    checker.finish()?;
    let optional = |text: &str, what| match text {
        "" => Ok(None),
        text => id(text, what).map(Some),
    };
    let conversation_id = optional(&message.conversation_id, "conversation")?;
    Ok(Asked {
        message: text,
        goes_on: conversation_id.is_some(),
        conversation_id: conversation_id.unwrap_or_else(Uuid::now_v7),
        project_id: optional(&message.project_id, "project")?,
    })
}

fn reply(asked: &Asked, draft: &Draft) -> api::Reply {
    let Composed {
        text,
        references,
        suggestions,
        ..
    } = draft.composed.clone();
    let style = draft.drawn.style.iter();
    api::Reply {
        conversation_id: asked.conversation_id.to_string(),
        message_id: draft.message_id.to_string(),
        text,
        style: style
            .map(|(dimension, choice)| (dimension.to_owned(), choice.to_owned()))
            .collect(),
        references: references
            .into_iter()
            .map(|of| api::Reference {
                r#type: of.kind.to_owned(),
                id: of.id.to_string(),
                r#ref: of.name,
            })
            .collect(),
        suggestions: suggestions
            .into_iter()
            .map(|of| api::Suggestion {
                kind: of.kind.name().to_owned(),
                task_id: of.task_id.to_string(),
                label: of.label,
            })
            .collect(),
        cached: false,
        source: SOURCE.to_owned(),
        profile_version: draft.profile_version,
    }
}

/// The text piece by piece, then the whole.
fn pieces(reply: api::Reply) -> Replies {
    let deltas = split(&reply.text)
        .into_iter()
        .map(api::chat_response::Part::Delta);
    let parts: Vec<_> = deltas
        .chain([api::chat_response::Part::Reply(reply.clone())])
        .collect();
    let messages = parts
        .into_iter()
        .map(|part| Ok(api::ChatResponse { part: Some(part) }));
    Box::pin(stream::iter(messages))
}

/// Pieces that end after a blank, about as long as [`PIECE`]; together they are the text.
fn split(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for word in text.split_inclusive([' ', '\n']) {
        match pieces.last_mut() {
            Some(last) if last.len() < PIECE => last.push_str(word),
            _ => pieces.push(word.to_owned()),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text() {
        for text in [
            "",
            "one",
            "one two\nthree \u{201c}four\u{201d} ",
            &"word \u{e9}t\u{e9} ".repeat(90),
        ] {
            let pieces = split(text);
            assert_eq!(pieces.concat(), text);
            assert!(
                pieces.iter().all(|piece| piece.len() < PIECE + 16),
                "{pieces:?}"
            );
        }
    }
}
