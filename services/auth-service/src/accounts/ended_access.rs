//! What a change has ended.

use uuid::Uuid;

/// The sessions and machine tokens that a change has ended.
pub struct EndedAccess {
    /// Their ids.
    pub ids: Vec<Uuid>,
    /// Whether the cache has heard of it; else it hears later.
    pub heard: bool,
}
