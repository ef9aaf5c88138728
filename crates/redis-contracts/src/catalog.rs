//! The list of all declarations.

use crate::{
    Declaration, Instance, LIVE_PROJECTS, PROJECT_TIMELINE, PROJECTS,
    keys::{OUTBOX, SESSION, SYSTEM_HEALTH, USER_SESSIONS},
};

/// Every declared name with its instance and value type. What is not here is not in Redis.
pub fn catalog() -> Vec<(Instance, Declaration, &'static str)> {
    vec![
        SESSION.entry(),
        USER_SESSIONS.entry(),
        SYSTEM_HEALTH.entry(),
        PROJECTS.entry(),
        PROJECT_TIMELINE.entry(),
        OUTBOX.entry(),
        (
            Instance::Streams,
            LIVE_PROJECTS.declaration(),
            "LiveMessage",
        ),
    ]
}
