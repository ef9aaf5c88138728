//! A reply as it is kept for an idempotency key.

use std::collections::BTreeMap;

use rpc::ai as api;
use serde::{Deserialize, Serialize};
use service_kit::Problem;

/// A reply; lists in the order of its message's fields.
#[derive(Serialize, Deserialize)]
struct Kept {
    conversation_id: String,
    message_id: String,
    text: String,
    style: BTreeMap<String, String>,
    references: Vec<[String; 3]>,
    suggestions: Vec<[String; 3]>,
    source: String,
    profile_version: u64,
}

pub(super) fn write_first(reply: &api::Reply) -> Result<String, Problem> {
    let kept = Kept {
        conversation_id: reply.conversation_id.clone(),
        message_id: reply.message_id.clone(),
        text: reply.text.clone(),
        style: reply.style.clone().into_iter().collect(),
        references: reply
            .references
            .iter()
            .map(|of| [of.r#type.clone(), of.id.clone(), of.r#ref.clone()])
            .collect(),
        suggestions: reply
            .suggestions
            .iter()
            .map(|of| [of.kind.clone(), of.task_id.clone(), of.label.clone()])
            .collect(),
        source: reply.source.clone(),
        profile_version: reply.profile_version,
    };
    serde_json::to_string(&kept).map_err(Problem::internal)
}

pub(super) fn read_first(text: &str) -> Result<api::Reply, Problem> {
    let kept: Kept = serde_json::from_str(text).map_err(Problem::internal)?;
    let references = kept.references.into_iter();
    let suggestions = kept.suggestions.into_iter();
    Ok(api::Reply {
        conversation_id: kept.conversation_id,
        message_id: kept.message_id,
        text: kept.text,
        style: kept.style.into_iter().collect(),
        references: references
            .map(|[r#type, id, r#ref]| api::Reference { r#type, id, r#ref })
            .collect(),
        suggestions: suggestions
            .map(|[kind, task_id, label]| api::Suggestion {
                kind,
                task_id,
                label,
            })
            .collect(),
        cached: false,
        source: kept.source,
        profile_version: kept.profile_version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_reply_comes_back() {
        let reply = api::Reply {
            conversation_id: "c".to_owned(),
            message_id: "m".to_owned(),
            text: "two\nlines".to_owned(),
            style: [("tone".to_owned(), "direct".to_owned())].into(),
            references: vec![api::Reference {
                r#type: "task".to_owned(),
                id: "t".to_owned(),
                r#ref: "KEY-1".to_owned(),
            }],
            suggestions: vec![api::Suggestion {
                kind: "split".to_owned(),
                task_id: "t".to_owned(),
                label: "Split".to_owned(),
            }],
            cached: false,
            source: "built_in".to_owned(),
            profile_version: 3,
        };
        assert_eq!(read_first(&write_first(&reply).expect("JSON")), Ok(reply));
    }
}
