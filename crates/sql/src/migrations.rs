//! How a schema grows: by steps, each once.

use std::time::Duration;

use redis_access::Backoff;
use sqlx::{AnyConnection, AnyPool, Connection, Executor, any::AnyConnectOptions};
use tokio::time::timeout;

use super::{faults::is_away, pool::silent};
use crate::sqlite::{ACQUIRE, Migration};

/// What replicas that start at the same time wait for, one after the other, to migrate.
const MIGRATION_LOCK: i64 = 0x6465_766d_656e_746f;

/// One try to migrate PostgreSQL: waiting for other replicas, and all steps.
const MIGRATED_WITHIN: Duration = Duration::from_secs(300);

/// A replica that freezes meanwhile does not hold up the others.
const LEFT_IDLE: &str = "SET idle_in_transaction_session_timeout = '3s'";

/// Why a schema was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum MigrationFault {
    #[error("schema step {name} failed")]
    Step {
        name: &'static str,
        source: sqlx::Error,
    },
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error("the database was written by a newer version of this service")]
    Newer,
}

impl MigrationFault {
    fn is_away(&self) -> bool {
        match self {
            Self::Step { source, .. } | Self::Sql(source) => is_away(source),
            Self::Newer => false,
        }
    }
}

/// Each step in one transaction (`PRAGMA user_version`).
pub(super) async fn migrate_sqlite(
    pool: &AnyPool,
    migrations: &[Migration],
) -> Result<(), MigrationFault> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(pool)
        .await?;
    for (at, migration) in (version + 1..).zip(unseen(version, migrations)?) {
        let mut transaction = pool.begin().await?;
        let steps = format!("{}\nPRAGMA user_version = {at};", migration.sql);
        run_step(&mut transaction, migration.name, steps).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Waits until PostgreSQL is there and has this schema.
pub(super) async fn migrate_postgres(
    target: &AnyConnectOptions,
    schema: &str,
    migrations: &[Migration],
) -> Result<(), MigrationFault> {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(3));
    loop {
        let tried = timeout(MIGRATED_WITHIN, try_postgres(target, schema, migrations));
        match tried.await.unwrap_or_else(|_| Err(silent().into())) {
            Err(error) if error.is_away() => {
                tracing::warn!(error = %error, "PostgreSQL is away; trying again");
                tokio::time::sleep(backoff.next_wait()).await;
            }
            outcome => return outcome,
        }
    }
}

/// All steps in one transaction, under a lock: replicas start at the same time.
async fn try_postgres(
    target: &AnyConnectOptions,
    schema: &str,
    migrations: &[Migration],
) -> Result<(), MigrationFault> {
    let mut connection = timeout(ACQUIRE, AnyConnection::connect_with(target))
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut)??;
    connection.execute(sqlx::raw_sql(LEFT_IDLE)).await?;
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *transaction)
        .await?;
    let tables = format!(
        "CREATE SCHEMA IF NOT EXISTS \"{schema}\";
         SET LOCAL search_path TO \"{schema}\";
         CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL);"
    );
    run_step(&mut transaction, "schema", tables).await?;
    let version: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM schema_version")
        .fetch_one(&mut *transaction)
        .await?;
    for (at, migration) in (version + 1..).zip(unseen(version, migrations)?) {
        let mut steps = for_postgres(migration.sql);
        steps.push_str(&format!("\nINSERT INTO schema_version VALUES ({at});"));
        run_step(&mut transaction, migration.name, steps).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The steps that a database at this version has not seen.
fn unseen(version: i64, migrations: &[Migration]) -> Result<&[Migration], MigrationFault> {
    let seen = usize::try_from(version).unwrap_or(usize::MAX);
    migrations.get(seen..).ok_or(MigrationFault::Newer)
}

async fn run_step(
    sql: &mut AnyConnection,
    name: &'static str,
    steps: String,
) -> Result<(), MigrationFault> {
    let steps = sqlx::raw_sql(sqlx::AssertSqlSafe(steps));
    let ran = sql.execute(steps).await;
    ran.map(drop)
        .map_err(|source| MigrationFault::Step { name, source })
}

/// A step as PostgreSQL writes it: its types have other names, and tables are strict anyway.
fn for_postgres(step: &str) -> String {
    step.replace(" BLOB", " BYTEA")
        .replace(" INTEGER", " BIGINT")
        .replace(") STRICT, WITHOUT ROWID;", ");")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_written_as_postgresql_takes_it() {
        let step = "CREATE TABLE t (\n    id BLOB PRIMARY KEY,\n    at INTEGER NOT NULL\n) STRICT, WITHOUT ROWID;";
        let written = "CREATE TABLE t (\n    id BYTEA PRIMARY KEY,\n    at BIGINT NOT NULL\n);";
        assert_eq!(for_postgres(step), written);
    }
}
