//! SQL: the truth. One writer commits what is waiting together; readers never wait for it. Who reads what
//! the process publishes, who catches up with a history, who searches, who reviews a project and who reads the
//! rest do not wait for each other either.

mod changes;
mod comments;
mod events;
mod fence;
mod idempotency;
mod imports;
mod long_reads;
mod pages;
mod projects;
mod queue;
mod review;
mod rows;
mod sweep;
mod tasks;
#[cfg(test)]
mod tests;
mod writer;

use self::long_reads::{LONG_READERS, LongReads, is_interrupt, too_long};
pub use changes::{ChangeGlance, Changes};
pub use comments::{CreateComment, DeleteComment, UpdateComment};
pub use events::{EventLog, StoredEvent};
pub use fence::Settle;
pub use idempotency::{Answer, Idempotency, Idempotent, Once};
pub use imports::ImportBatch;
pub use projects::{CreateProject, DeleteProject, UpdateProject};
pub use review::{Attention, Glance, Review};
use service_kit::Problem;
use sql::sqlite::{Migration, Sqlite};
use sqlx::SqlitePool;
pub use sweep::{ForgetAnswers, Remainder, SweepProjects, Swept};
pub use tasks::{CreateTask, DeleteTask, Place, TaskFilter, UpdateTask};
pub use writer::{Actor, COMMIT_BYTES, COMMIT_WITHIN, Change, Mutation, Writer};

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
    Migration {
        name: "0004_fence",
        sql: include_str!("../../migrations/0004_fence.sql"),
    },
    Migration {
        name: "0005_projects_newest",
        sql: include_str!("../../migrations/0005_projects_newest.sql"),
    },
];

/// Connections that read histories: how far a reader is behind, and what it missed.
const HISTORY_READERS: u32 = 2;

/// What callers read. `read` is for what is bounded in rows and bytes; what grows with a project is a long
/// read. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    read: SqlitePool,
    history: SqlitePool,
    searches: LongReads,
    reviews: LongReads,
}

impl Store {
    /// Reads from this database.
    pub fn new(sqlite: &mut Sqlite) -> Self {
        Self {
            read: sqlite.read.clone(),
            history: sqlite.readers(HISTORY_READERS),
            searches: LongReads::new(sqlite.readers(LONG_READERS)),
            reviews: LongReads::new(sqlite.readers(LONG_READERS)),
        }
    }
}

/// SQL failed: the cause is logged, the caller hears that it is away; or a read was stopped for its time.
pub(crate) fn sql_problem(error: sqlx::Error) -> Problem {
    if is_interrupt(&error) {
        return too_long();
    }
    sql::sqlite::problem(error, "The project database")
}
