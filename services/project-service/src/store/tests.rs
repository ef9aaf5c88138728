//! The schema: how it grew, and which indices statements use.

use sqlx::{Connection, Row, SqliteConnection};

use super::MIGRATIONS;

/// A database of this build without a row.
pub(super) async fn empty_database() -> SqliteConnection {
    let mut sql = SqliteConnection::connect("sqlite::memory:")
        .await
        .expect("a database in memory");
    for migration in MIGRATIONS {
        apply(&mut sql, migration.sql).await;
    }
    sql
}

/// How SQLite would run a statement, a line a step.
pub(super) async fn plan(sql: &mut SqliteConnection, statement: &str) -> String {
    let explain = format!("EXPLAIN QUERY PLAN {statement}");
    let steps = sqlx::query(sqlx::AssertSqlSafe(explain))
        .fetch_all(sql)
        .await
        .expect("a plan");
    let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
    steps.join("\n")
}

async fn apply(sql: &mut SqliteConnection, statements: &'static str) {
    sqlx::raw_sql(statements)
        .execute(sql)
        .await
        .expect("statements");
}
