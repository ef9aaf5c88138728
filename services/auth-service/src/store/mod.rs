//! SQL: the truth of accounts, sessions and tokens, in SQLite or PostgreSQL.

mod account_changes;
mod change;
mod devices;
mod email_changes;
mod events;
mod failures;
mod heard;
mod machine_tokens;
mod mail_tokens;
mod mails;
mod pending;
mod second_factor;
mod sessions;
mod shared;
mod signing_keys;
mod users;

use std::sync::Arc;

use service_kit::Problem;
use sql::{Database, Pool, relay::Committed, sqlite::Migration};

use crate::domain::steady_clock::SteadyClock;

pub use change::{Change, Happened, Who};
pub use events::EventFilter;
pub use failures::FailedSignIn;
pub use heard::Heard;
pub use machine_tokens::{MachineRow, NewMachineToken};
pub use mail_tokens::{MailToken, Purpose};
pub use mails::{DueMail, MailKind};
pub use pending::PendingAccount;
pub use sessions::{NewSession, Rotation, SessionRow};
pub use shared::SharedSecret;
pub use signing_keys::PublicKey;
pub use users::{Account, SignInAccount};

/// The schema, in the order it grew.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_accounts",
        sql: include_str!("../../migrations/0001_accounts.sql"),
    },
    Migration {
        name: "0002_auth",
        sql: include_str!("../../migrations/0002_auth.sql"),
    },
    Migration {
        name: "0003_guards",
        sql: include_str!("../../migrations/0003_guards.sql"),
    },
    Migration {
        name: "0004_turns",
        sql: include_str!("../../migrations/0004_turns.sql"),
    },
];

/// Accounts, sessions and tokens. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    write: Pool,
    read: Pool,
    committed: Arc<Committed>,
    /// Of the one process that a SQLite file serves; replicas go by the clock of their PostgreSQL.
    own_clock: Option<Arc<SteadyClock>>,
}

impl Store {
    /// On this database.
    pub fn new(database: &Database) -> Self {
        Self {
            write: database.write.clone(),
            read: database.read.clone(),
            committed: Arc::default(),
            own_clock: (!database.is_shared()).then(Arc::default),
        }
    }

    /// What the relay needs to know of commits.
    pub const fn committed(&self) -> &Arc<Committed> {
        &self.committed
    }
}

/// SQL failed: the cause is logged, the caller hears that it is away.
fn sql_problem(error: sqlx::Error) -> Problem {
    sql::problem(error, "The account database")
}
