//! Why settings are refused.

/// One line that names the setting and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// A name that is not in the reference.
    #[error("{name} is not a setting{}", nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean {near}?")))]
    Unknown {
        /// As it was written.
        name: String,
        /// The nearest name of the reference.
        nearest: Option<String>,
    },
    /// A value that cannot be used.
    #[error("{name} is not usable: {expected}")]
    Bad {
        /// As it was written.
        name: String,
        /// What would be right. Never repeats the value, which may be a secret.
        expected: String,
    },
    /// The file cannot be read.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

impl ConfigFault {
    pub(super) fn bad(name: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Bad {
            name: name.into(),
            expected: expected.into(),
        }
    }
}
