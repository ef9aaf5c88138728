//! SQLite as the truth of one process: one writer, a few readers, WAL, and every commit on disk.
//!
//! Readers are in classes, each with connections of its own, so that slow reads of one class delay no other.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use service_kit::{Code, Context, Problem, Stage, config::ConfigFault, health::Need};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio_util::sync::CancellationToken;

/// Connections that read.
pub(crate) const READERS: u32 = 2;

/// Longest wait for a connection.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(2);

/// Rows that a reader is ahead of whoever takes them: each can have a text of 256 KiB.
const ROWS_AHEAD: usize = 8;

/// How often the database is asked whether it is there.
pub(crate) const PROBE_EVERY: Duration = Duration::from_secs(2);

/// A step of a schema's growth. Steps are never changed, only added.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Name in errors.
    pub name: &'static str,
    /// Statements.
    pub sql: &'static str,
}

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Sqlite {
    /// The one connection that writes.
    pub write: SqlitePool,
    /// Connections that read what is committed, for callers.
    pub read: SqlitePool,
    /// The connection that the process reads with for itself: what it publishes, and whether the database is
    /// there. No caller's read delays either.
    pub own: SqlitePool,
    /// Readers of further classes.
    more: Vec<SqlitePool>,
    options: SqliteConnectOptions,
    answers: Arc<AtomicBool>,
    _lock: Arc<File>,
}

fn pool(most: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

impl Sqlite {
    /// Opens `sqlite://PATH`, making the file where it is missing, and brings its schema up to date.
    /// A second process on the same file is refused.
    pub async fn open(url: &str, migrations: &[Migration]) -> anyhow::Result<Self> {
        let path = path_of(url)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let lock = lock(&path)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(ACQUIRE);
        let opened = || format!("cannot open {}", path.display());
        let write = pool(1)
            .connect_with(options.clone())
            .await
            .with_context(opened)?;
        migrate(&write, migrations).await.with_context(opened)?;
        let options = options.read_only(true).row_buffer_size(ROWS_AHEAD);
        Ok(Self {
            write,
            read: pool(READERS).connect_lazy_with(options.clone()),
            own: pool(1).connect_lazy_with(options.clone()),
            more: Vec::new(),
            options,
            answers: Arc::new(AtomicBool::new(true)),
            _lock: Arc::new(lock),
        })
    }

    /// So many readers for another class of reads. Before [`Sqlite::watch`], which closes them in the end.
    pub fn readers(&mut self, count: u32) -> SqlitePool {
        let readers = pool(count).connect_lazy_with(self.options.clone());
        self.more.push(readers.clone());
        readers
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
            there.ok_or_else(|| "SQLite does not answer; see the log".to_owned())
        });
        let stop = context.supervisor.stop_of(Stage::Links);
        context
            .supervisor
            .spawn(Stage::Links, "database", self.clone().probe(stop));
    }

    async fn probe(self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            let asked = sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1")
                .execute(&self.own)
                .await;
            let answers = asked.is_ok();
            if let Err(error) = asked
                && self.is_ok()
            {
                tracing::error!(error = %error, "SQLite does not answer");
            }
            self.answers.store(answers, Ordering::Relaxed);
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(PROBE_EVERY) => {}
            }
        }
        for readers in self.more.iter().chain([&self.read, &self.own]) {
            readers.close().await;
        }
        self.write.close().await;
        Ok(())
    }
}

/// SQL failed: the cause is logged, the caller hears that `what` is away, or of a fault of ours. Where others
/// have every connection nothing is away: that is said to the caller alone.
pub fn problem(error: sqlx::Error, what: &str) -> Problem {
    match error {
        sqlx::Error::PoolTimedOut => {
            tracing::debug!("every connection to SQL is in use");
            let detail = format!("{what} is busy; try again shortly.");
            Problem::new(Code::Unavailable, detail)
        }
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => {
            tracing::error!(error = %error, "SQL is away");
            Problem::unavailable(what)
        }
        sqlx::Error::Database(fault) if is_full_or_failing(fault.as_ref()) => {
            tracing::error!(error = %fault, "SQL cannot be used");
            Problem::unavailable(what)
        }
        other => Problem::internal(other),
    }
}

/// <https://www.sqlite.org/rescode.html>: BUSY 5, READONLY 8, IOERR 10, FULL 13, CANTOPEN 14.
fn is_full_or_failing(fault: &dyn sqlx::error::DatabaseError) -> bool {
    let code = fault.code().and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 8 | 10 | 13 | 14))
}

pub(crate) fn path_of(url: &str) -> anyhow::Result<PathBuf> {
    let path = url
        .strip_prefix("sqlite://")
        .ok_or_else(|| ConfigFault::Bad {
            name: "DEVMENTOR__DATABASE__URL".to_owned(),
            expected: "this service takes sqlite://FILE".to_owned(),
        })?;
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    Ok(PathBuf::from(path))
}

/// Held as long as the process lives; the system lets go of it however the process ends.
pub(crate) fn lock(database: &Path) -> anyhow::Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another process has {} open; a SQLite file serves one process",
                database.display()
            )
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Runs the steps that this file has not seen, each in one transaction (`PRAGMA user_version`).
async fn migrate(pool: &SqlitePool, migrations: &[Migration]) -> anyhow::Result<()> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(pool)
        .await?;
    let seen = usize::try_from(version).unwrap_or(usize::MAX);
    if seen > migrations.len() {
        bail!("the file was written by a newer version of this service");
    }
    for (at, migration) in migrations.iter().enumerate().skip(seen) {
        let steps = format!("{}\nPRAGMA user_version = {};", migration.sql, at + 1);
        let mut transaction = pool.begin().await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(steps))
            .execute(&mut *transaction)
            .await
            .with_context(|| format!("schema step {} failed", migration.name))?;
        transaction.commit().await?;
    }
    Ok(())
}
