//! The board: statuses in their order, and project statuses.

use redis_contracts::resource::TaskStatus;

/// A status' place on the board, as stored.
pub const fn column(status: TaskStatus) -> i64 {
    status as i64
}

/// The status stored as this place.
pub fn at_column(place: i64) -> Option<TaskStatus> {
    TaskStatus::ALL
        .into_iter()
        .find(|status| column(*status) == place)
}

/// What is expected of a task's status.
pub const TASK_STATUSES: &str = "todo, in_progress, in_review or done";

/// What a project's status may be.
pub const PROJECT_STATUSES: [&str; 2] = ["active", "archived"];
