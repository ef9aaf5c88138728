//! Somebody who works while others do what is heavy.

use serde_json::Value;
use test_kit::{Person, Platform};

/// A person with a project of their own.
pub struct Bystander {
    pub person: Person,
    pub project: Value,
}

impl Bystander {
    pub async fn join(platform: &Platform) -> Self {
        let person = platform.person().await;
        let project = person.create_project("BESIDE").await;
        Self { person, project }
    }
}
