//! Questions over gRPC: the reply comes piece by piece, then whole.

use std::pin::Pin;

use futures_util::{Stream, stream};
use rpc::ai::{self as api, chat_response::Part};
use service_kit::{Checker, Problem};
use tonic::{Response, Status};

use super::{Call, Mentor, answer, id};
use crate::{
    conversation::{NewMessage, Reply},
    domain::mentor::{Reference, Suggestion},
};

const LONGEST_MESSAGE: usize = 8000;

/// Characters of a piece of the text, about.
const PIECE: usize = 48;

pub(super) type Replies = Pin<Box<dyn Stream<Item = Result<api::ChatResponse, Status>> + Send>>;

impl Mentor {
    /// Anyone signed in, about their own projects.
    pub(super) async fn chat(
        &self,
        call: Call<api::ChatRequest>,
    ) -> Result<Response<Replies>, Problem> {
        let message = checked(&call.message)?;
        let idempotency = call.idempotency("Chat");
        let reply = self
            .conversations
            .ask(&call.asker, &message, &idempotency)
            .await?;
        Ok(answer(reply, pieces))
    }
}

fn checked(asked: &api::ChatRequest) -> Result<NewMessage, Problem> {
    let mut checker = Checker::default();
    let text = checker.text("message", &asked.message, 1, LONGEST_MESSAGE);
    if !text.is_empty() && text.trim().is_empty() {
        checker.refuse("message", "more than blanks");
    }
    checker.finish()?;
    let optional = |text: &str, what| match text {
        "" => Ok(None),
        text => id(text, what).map(Some),
    };
    Ok(NewMessage {
        text,
        conversation_id: optional(&asked.conversation_id, "conversation")?,
        project_id: optional(&asked.project_id, "project")?,
    })
}

impl From<Reply> for api::Reply {
    fn from(reply: Reply) -> Self {
        let style = reply.style.iter();
        Self {
            conversation_id: reply.conversation_id.to_string(),
            message_id: reply.message_id.to_string(),
            text: reply.text,
            style: style
                .map(|(dimension, choice)| (dimension.to_owned(), choice.to_owned()))
                .collect(),
            references: reply.references.into_iter().map(Into::into).collect(),
            suggestions: reply.suggestions.into_iter().map(Into::into).collect(),
            cached: false,
            source: reply.source,
            profile_version: reply.profile_version,
        }
    }
}

impl From<Reference> for api::Reference {
    fn from(of: Reference) -> Self {
        Self {
            r#type: of.kind.name().to_owned(),
            id: of.id.to_string(),
            r#ref: of.name,
        }
    }
}

impl From<Suggestion> for api::Suggestion {
    fn from(of: Suggestion) -> Self {
        Self {
            kind: of.kind.name().to_owned(),
            task_id: of.task_id.to_string(),
            label: of.label,
        }
    }
}

/// The text piece by piece, then the whole.
fn pieces(reply: Reply) -> Replies {
    let pieces = split(&reply.text).into_iter().map(Part::Delta);
    let parts = pieces.chain([Part::Reply(reply.into())]);
    let messages = parts.map(|part| Ok(api::ChatResponse { part: Some(part) }));
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
