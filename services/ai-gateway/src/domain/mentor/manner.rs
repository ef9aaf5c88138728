//! A style, as the text needs it.

use redis_contracts::Style;

/// How a reply is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    pub(super) form: Form,
    pub(super) detailed: bool,
    pub(super) supportive: bool,
}

/// The shape of the advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A numbered list.
    Steps,
    /// One task, worked out.
    Example,
    /// Prose that says why.
    Explanation,
}

impl From<&Style> for Manner {
    fn from(style: &Style) -> Self {
        Self {
            form: match style.get("form") {
                Some("steps") => Form::Steps,
                Some("example") => Form::Example,
                _ => Form::Explanation,
            },
            detailed: style.get("verbosity") == Some("detailed"),
            supportive: style.get("tone") == Some("supportive"),
        }
    }
}
