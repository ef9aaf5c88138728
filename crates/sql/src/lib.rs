//! SQL as the truth of a service, by one set of statements: SQLite for one process, PostgreSQL for any
//! number of replicas. Statements are portable: `$1` for parameters, INTEGER, TEXT and BLOB for types,
//! nothing that only one of the two knows.

mod faults;
mod migrations;
mod pool;
pub mod relay;
pub mod sqlite;

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use service_kit::{Context, Problem, Stage, config::ConfigFault, health::Need};
use sqlx::{
    AnyConnection, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use self::{
    faults::problem,
    pool::{Pool, Transaction},
};
use self::{
    migrations::{migrate_postgres, migrate_sqlite},
    pool::silent,
};
use crate::sqlite::{ACQUIRE, Migration, PROBE_EVERY, READERS, lock, path_of};

/// Connections to PostgreSQL that make changes.
const POSTGRES_WRITERS: u32 = 8;

/// Connections to PostgreSQL that read: they do not wait behind changes that wait for each other.
const POSTGRES_READERS: u32 = 4;

/// A connection to PostgreSQL that was idle for so long is tried before it is used.
const TRIED_AFTER: Duration = Duration::from_secs(1);

/// A connection that does not answer a try within this is closed. Less than [`ACQUIRE`], so that there
/// is time for another one.
const TRIED_WITHIN: Duration = Duration::from_secs(1);

/// A database that does not answer within this is away.
const PROBED_WITHIN: Duration = Duration::from_secs(2);

/// Nobody waits for long for a row that a frozen replica holds, and it does not hold it for long. The
/// server finds out that a replica is gone; sqlx cannot do so, and has a bound for each wait instead.
const POSTGRES_BOUNDS: &str = "SET lock_timeout = '2s';
    SET statement_timeout = '4s';
    SET idle_in_transaction_session_timeout = '3s';
    SET tcp_keepalives_idle = 10;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3";

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    /// Where changes are made. SQLite: the one connection that writes.
    pub write: Pool,
    /// Where what is committed is read.
    pub read: Pool,
    backend: Backend,
    answers: Arc<AtomicBool>,
    _lock: Option<Arc<File>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

impl Database {
    /// Opens `sqlite://PATH` or `postgres://...` and brings its schema up to date. A SQLite file is made
    /// where it is missing, and refused while another process has it open. PostgreSQL is waited for;
    /// the tables are in a schema of the name `service`.
    pub async fn open(url: &str, service: &str, migrations: &[Migration]) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url, migrations).await
        } else {
            Self::open_postgres(url, service, migrations).await
        }
    }

    async fn open_sqlite(url: &str, migrations: &[Migration]) -> anyhow::Result<Self> {
        let path = std::path::absolute(path_of(url)?)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let lock = lock(&path)?;
        let opened = || format!("cannot open {}", path.display());
        let pool = |most| {
            options(most).after_connect(|connection, _| {
                Box::pin(async move {
                    let busy_ms = ACQUIRE.as_millis();
                    let pragmas = format!(
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = {busy_ms}"
                    );
                    let set = sqlx::raw_sql(sqlx::AssertSqlSafe(pragmas));
                    connection.execute(set).await.map(drop)
                })
            })
        };
        let write = pool(1)
            .connect_with(sqlite_at(&path, "rwc")?)
            .await
            .with_context(opened)?;
        migrate_sqlite(&write, migrations)
            .await
            .with_context(opened)?;
        let read = pool(READERS).connect_lazy_with(sqlite_at(&path, "rw")?);
        Ok(Self {
            write: Pool(write),
            read: Pool(read),
            backend: Backend::Sqlite,
            answers: Arc::new(AtomicBool::new(true)),
            _lock: Some(Arc::new(lock)),
        })
    }

    async fn open_postgres(
        url: &str,
        service: &str,
        migrations: &[Migration],
    ) -> anyhow::Result<Self> {
        // The URL may hold a password: it is in no error.
        let target: AnyConnectOptions = url.parse().map_err(|_| ConfigFault::Bad {
            name: "DEVMENTOR__DATABASE__URL".to_owned(),
            expected: "expected postgres://user:password@host:port/database".to_owned(),
        })?;
        let prepare = format!("SET search_path TO \"{service}\"; {POSTGRES_BOUNDS}");
        let pool = |most| {
            let prepare = prepare.clone();
            let pool = options(most)
                .after_connect(move |connection, _| {
                    let set = sqlx::raw_sql(sqlx::AssertSqlSafe(prepare.clone()));
                    Box::pin(async move { connection.execute(set).await.map(drop) })
                })
                .before_acquire(|connection, meta| {
                    Box::pin(async move {
                        let fresh = meta.idle_for < TRIED_AFTER;
                        Ok(fresh || is_at_rest(connection).await.unwrap_or(false))
                    })
                })
                // sqlx tries it here as well, but for as long as a caller's statement runs who hung up,
                // or as the wire is dead; and one who hung up at a BEGIN leaves its transaction open.
                .after_release(|connection, _| Box::pin(is_at_rest(connection)));
            Pool(pool.connect_lazy_with(target.clone()))
        };
        migrate_postgres(&target, service, migrations)
            .await
            .context("the PostgreSQL schema cannot be made")?;
        Ok(Self {
            write: pool(POSTGRES_WRITERS),
            read: pool(POSTGRES_READERS),
            backend: Backend::Postgres,
            answers: Arc::new(AtomicBool::new(true)),
            _lock: None,
        })
    }

    /// Whether other processes may write to it as well.
    pub fn is_shared(&self) -> bool {
        self.backend == Backend::Postgres
    }

    /// Whether the database answered when it was last asked.
    pub fn is_ok(&self) -> bool {
        self.answers.load(Ordering::Relaxed)
    }

    /// Shows the database in health and keeps asking whether it is there.
    pub fn watch(&self, context: &mut Context) {
        let answers = Arc::clone(&self.answers);
        context.health.add("database", Need::Required, move || {
            let there = answers.load(Ordering::Relaxed).then_some(());
            there.ok_or_else(|| "SQL does not answer; see the log".to_owned())
        });
        let stop = context.supervisor.stop_of(Stage::Links);
        context
            .supervisor
            .spawn(Stage::Links, "database", self.clone().probe(stop));
    }

    async fn probe(self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            let asked = timeout(PROBED_WITHIN, sqlx::query("SELECT 1").execute(&self.read)).await;
            let asked = asked.unwrap_or_else(|_| Err(silent()));
            let answers = asked.is_ok();
            if let Err(error) = asked
                && self.is_ok()
            {
                tracing::error!(error = %error, "SQL does not answer");
            }
            self.answers.store(answers, Ordering::Relaxed);
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(PROBE_EVERY) => {}
            }
        }
        self.read.close().await;
        self.write.close().await;
        Ok(())
    }
}

fn options(most: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Whether a connection answers outside of any transaction: only there, in one plain query, the
/// transaction is as old as the statement.
async fn is_at_rest(connection: &mut AnyConnection) -> sqlx::Result<bool> {
    let ask = sqlx::raw_sql("SELECT 1 WHERE now() = statement_timestamp()");
    let answered = timeout(TRIED_WITHIN, connection.fetch_optional(ask)).await;
    let row = answered.unwrap_or_else(|_| Err(silent()))?;
    Ok(row.is_some())
}

/// A path may hold what means something else in a URL.
fn sqlite_at(path: &Path, mode: &str) -> anyhow::Result<AnyConnectOptions> {
    let mut encoded = String::new();
    let path = path.to_str().context("the path of a database is no text")?;
    for character in path.chars() {
        match character {
            '%' => encoded.push_str("%25"),
            '?' => encoded.push_str("%3F"),
            '#' => encoded.push_str("%23"),
            other => encoded.push(other),
        }
    }
    Ok(format!("sqlite://{encoded}?mode={mode}").parse()?)
}

/// A 16-byte id as it is stored.
pub fn id_bytes(id: uuid::Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// The id in a column of a row.
pub fn id_of(row: &sqlx::any::AnyRow, column: &str) -> Result<uuid::Uuid, Problem> {
    use sqlx::Row;
    let bytes: Vec<u8> = row.get(column);
    uuid::Uuid::from_slice(&bytes).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_of_any_name_serves_one_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let steps = [Migration {
            name: "one",
            sql: "CREATE TABLE t (id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;",
        }];
        let url = format!("sqlite://{}/a b%20#.db", folder.path().display());
        let database = Database::open(&url, "x", &steps).await.expect("opened");
        let twice = Database::open(&url, "x", &steps).await;
        let refused = format!("{:#}", twice.err().expect("refused"));
        assert!(refused.contains("another process"), "{refused}");
        assert!(folder.path().join("a b%20#.db").exists());
        database.read.close().await;
        database.write.close().await;
        drop(database);
        let newer = Database::open(&url, "x", &[]).await;
        assert!(newer.is_err(), "it was written by a newer version");
    }
}
