//! SQL: the truth of accounts and sessions.

mod sessions;
mod users;

use service_kit::{
    Problem,
    sqlite::{Migration, Sqlite},
};
use sqlx::SqlitePool;

pub use sessions::{NewSession, SessionRow};

/// The schema, in the order it grew.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "0001_accounts",
    sql: include_str!("../../migrations/0001_accounts.sql"),
}];

/// Accounts and sessions. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    write: SqlitePool,
    read: SqlitePool,
}

impl Store {
    /// On this database.
    pub fn new(sqlite: &Sqlite) -> Self {
        Self {
            write: sqlite.write.clone(),
            read: sqlite.read.clone(),
        }
    }
}

/// SQL failed: the cause is logged, the caller hears that it is away.
fn sql_problem(error: sqlx::Error) -> Problem {
    service_kit::sqlite::problem(error, "The account database")
}
