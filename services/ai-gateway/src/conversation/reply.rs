//! A reply as its asker gets it, and as it is stored for an idempotency key: what a release stored is read by
//! every later one.

use redis_contracts::Style;
use serde::{Deserialize, Serialize};
use service_kit::Problem;
use uuid::Uuid;

use crate::domain::mentor::{Reference, Suggestion};

/// Who replies while no provider is set.
pub(crate) const SOURCE: &str = "built_in";

/// A reply with the circumstances it was given in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) conversation_id: Uuid,
    pub(crate) message_id: Uuid,
    pub(crate) text: String,
    pub(crate) style: Style,
    pub(crate) references: Vec<Reference>,
    pub(crate) suggestions: Vec<Suggestion>,
    pub(crate) source: String,
    /// The version of the profile that the style was drawn from.
    pub(crate) profile_version: u64,
}

impl Reply {
    pub(super) fn to_stored(&self) -> Result<String, Problem> {
        serde_json::to_string(self).map_err(Problem::internal)
    }

    pub(super) fn from_stored(text: &str) -> Result<Self, Problem> {
        serde_json::from_str(text).map_err(|error| {
            let place = error.column();
            Problem::internal(format!(
                "a stored reply cannot be read from byte {place} on"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mentor::{ReferenceKind, SuggestionKind};

    /// As 0.1.0 stored it.
    const STORED: &str = concat!(
        r#"{"conversation_id":"00000000-0000-0000-0000-000000000001","#,
        r#""message_id":"00000000-0000-0000-0000-000000000002","text":"two\nlines","#,
        r#""style":{"form":"steps","tone":"direct"},"#,
        r#""references":[["project","00000000-0000-0000-0000-000000000003","KEY"],"#,
        r#"["task","00000000-0000-0000-0000-000000000004","KEY-1"]],"#,
        r#""suggestions":[["set_due_date","00000000-0000-0000-0000-000000000004","Set a day"]],"#,
        r#""source":"built_in","profile_version":3}"#
    );

    #[test]
    fn a_reply_of_the_last_release_is_read_and_stored_as_it_was() {
        let mut style = Style::default();
        for (dimension, choice) in [("form", "steps"), ("tone", "direct")] {
            style.choose(dimension, choice).expect("a choice");
        }
        let reference = |kind, id, name: &str| Reference {
            kind,
            id: Uuid::from_u128(id),
            name: name.to_owned(),
        };
        let reply = Reply {
            conversation_id: Uuid::from_u128(1),
            message_id: Uuid::from_u128(2),
            text: "two\nlines".to_owned(),
            style,
            references: vec![
                reference(ReferenceKind::Project, 3, "KEY"),
                reference(ReferenceKind::Task, 4, "KEY-1"),
            ],
            suggestions: vec![Suggestion {
                kind: SuggestionKind::SetDueDate,
                task_id: Uuid::from_u128(4),
                label: "Set a day".to_owned(),
            }],
            source: SOURCE.to_owned(),
            profile_version: 3,
        };
        assert_eq!(reply.to_stored().as_deref(), Ok(STORED));
        assert_eq!(Reply::from_stored(STORED), Ok(reply));
    }
}
