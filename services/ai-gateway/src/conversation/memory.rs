//! What is known of a person before the mentor replies.

use redis_access::{AccessError, StreamsPool};
use redis_contracts::{MEMORY, MentorMemory, PROFILE, ProfileRecord};
use service_kit::Problem;
use uuid::Uuid;

/// What the mentor remembers of them.
pub(super) async fn memory_of(
    streams: &StreamsPool,
    user_id: Uuid,
) -> Result<MentorMemory, Problem> {
    let held = streams.fields(&MEMORY.key(user_id)).await;
    let held = held.or_else(AccessError::none_if_wrong_type)?;
    Ok(held.unwrap_or_default())
}

/// What was learned from their ratings.
pub(super) async fn profile_of(
    streams: &StreamsPool,
    user_id: Uuid,
) -> Result<ProfileRecord, Problem> {
    let held = streams.fields(&PROFILE.key(user_id)).await;
    let held = held.or_else(AccessError::none_if_wrong_type)?;
    Ok(held.unwrap_or_else(ProfileRecord::prior))
}
