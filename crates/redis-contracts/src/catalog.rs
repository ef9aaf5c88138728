//! The list of all declarations.

use crate::{
    ADAPTATIONS, AI_EVENTS, APPLIED, AUTH_EVENTS, CONVERSATION, CONVERSATIONS, DEAD_LETTER_INDEX,
    DEAD_LETTERS, DELIVERED, Declaration, FEEDBACK, IDEMPOTENCY, INTERACTIONS, Instance, LIVE_AI,
    LIVE_PROJECTS, MEMORY, MODEL_UPDATES, PROFILE, PROJECT_TIMELINE, PROJECTS, REPLY, SEEN,
    USER_TIMELINE,
    keys::{
        LOCKED, LOGIN_FAILURES, OUTBOX, RATE_LIMIT, SESSION, SHARE, SIGNING_KEYS, SYSTEM_HEALTH,
    },
};

/// Every declared name with its instance and value type. What is not here is not in Redis.
pub fn catalog() -> Vec<(Instance, Declaration, &'static str)> {
    let channel =
        |channel: &crate::Channel| (Instance::Streams, channel.declaration(), "LiveMessage");
    vec![
        SESSION.entry(),
        RATE_LIMIT.entry(),
        SHARE.entry(),
        LOGIN_FAILURES.entry(),
        LOCKED.entry(),
        SIGNING_KEYS.entry(),
        SYSTEM_HEALTH.entry(),
        PROJECTS.entry(),
        PROJECT_TIMELINE.entry(),
        USER_TIMELINE.entry(),
        FEEDBACK.entry(),
        INTERACTIONS.entry(),
        AI_EVENTS.entry(),
        ADAPTATIONS.entry(),
        MODEL_UPDATES.entry(),
        AUTH_EVENTS.entry(),
        DEAD_LETTERS.entry(),
        DEAD_LETTER_INDEX.entry(),
        DELIVERED.entry(),
        PROFILE.entry(),
        SEEN.entry(),
        APPLIED.entry(),
        REPLY.entry(),
        CONVERSATION.entry(),
        CONVERSATIONS.entry(),
        MEMORY.entry(),
        IDEMPOTENCY.entry(),
        OUTBOX.entry(),
        channel(&LIVE_PROJECTS),
        channel(&LIVE_AI),
    ]
}
