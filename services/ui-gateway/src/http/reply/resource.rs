//! What has a place, and mostly a version.

use redis_contracts::resource::{Comment, Project, Task};
use schemars::JsonSchema;
use serde::Serialize;

/// A resource.
pub(in crate::http) trait Resource: Serialize + JsonSchema {
    /// Whether it has a version.
    const IS_VERSIONED: bool = true;

    /// Grows with each change.
    fn version(&self) -> Option<u64>;

    /// Where it is read and changed.
    fn location(&self) -> String;
}

impl Resource for Project {
    fn version(&self) -> Option<u64> {
        Some(self.version)
    }

    fn location(&self) -> String {
        format!("/api/projects/{}", self.id)
    }
}

impl Resource for Task {
    fn version(&self) -> Option<u64> {
        Some(self.version)
    }

    fn location(&self) -> String {
        format!("/api/tasks/{}", self.id)
    }
}

impl Resource for Comment {
    fn version(&self) -> Option<u64> {
        Some(self.version)
    }

    fn location(&self) -> String {
        format!("/api/comments/{}", self.id)
    }
}
