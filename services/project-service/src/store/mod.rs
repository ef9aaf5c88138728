//! SQL: the truth. One writer commits what is waiting together; readers never wait for it.

mod changes;
mod comments;
mod events;
mod idempotency;
mod imports;
mod projects;
mod review;
mod tasks;
#[cfg(test)]
mod tests;
mod writer;

pub use changes::{ChangeGlance, Changes};
pub use comments::{CreateComment, DeleteComment, UpdateComment};
pub use events::StoredEvent;
pub use idempotency::{Answer, Idempotency, Idempotent, forget_old_answers};
pub use imports::ImportBatch;
pub use projects::{CreateProject, DeleteProject, UpdateProject};
pub use review::{Attention, Glance, Review};
use service_kit::{Problem, sqlite::Migration};
use sqlx::SqlitePool;
pub use tasks::{CreateTask, DeleteTask, Place, TaskFilter, UpdateTask};
pub use writer::{Actor, Change, Floor, Mutation, Writer, write_until};

/// The schema, in the order it grew.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_projects",
        sql: include_str!("../../migrations/0001_projects.sql"),
    },
    Migration {
        name: "0002_review",
        sql: include_str!("../../migrations/0002_review.sql"),
    },
    Migration {
        name: "0003_short_positions",
        sql: include_str!("../../migrations/0003_short_positions.sql"),
    },
];

/// Reads. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    read: SqlitePool,
}

impl Store {
    /// Reads from this pool.
    pub const fn new(read: SqlitePool) -> Self {
        Self { read }
    }
}

/// SQL failed: the cause is logged, the caller hears that it is away.
pub(crate) fn sql_problem(error: sqlx::Error) -> Problem {
    service_kit::sqlite::problem(error, "The project database")
}
