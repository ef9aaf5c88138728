//! The schema: how it grew, and which indices statements use.

use rate_limits::{DayShare, Share};
use redis_access::{CachePool, RedisSettings};
use service_kit::config::Limits;
use sqlx::{Connection, Row, SqliteConnection, SqlitePool, sqlite::SqlitePoolOptions};

use super::{MIGRATIONS, Writer, writer::Writing};
use crate::domain::{attention, rank};

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

/// The same, with one connection.
pub(super) async fn empty_pool() -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect("sqlite::memory:").await.expect("a database");
    for migration in MIGRATIONS {
        let schema = sqlx::raw_sql(migration.sql).execute(&pool).await;
        schema.expect("a schema");
    }
    pool
}

/// A writer of a database, for which nobody's share ends.
pub(super) fn writer_on(pool: SqlitePool) -> (Writer, Writing) {
    let limits = Limits {
        auth_per_minute: 0,
        api_per_minute: 0,
        sockets_per_person: 0,
        connections_per_address: 0,
        stream_bytes_per_day: 0,
        import_bytes_per_day: 0,
    };
    let cache = RedisSettings::new("redis://127.0.0.1:1".to_owned());
    let cache = CachePool::new(&cache).expect("a Redis URL");
    Writer::new(pool, DayShare::new(Share::Stream, &limits, &cache))
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

/// Two columns as the first version left them, each named by where its cards stand.
const FIRST_VERSION: &str = "
    INSERT INTO projects VALUES (x'01', x'02', 'AB', 'Name', '', 'active', 7, 1, 0, 0);
    WITH cards (number, title, status, position, description) AS (VALUES
        (1, 'third', 0, '8180', ''),
        (2, 'first', 0, '80', '- [ ] one' || char(10) || '  * [ ]' || char(9) || 'two ' || char(10) || '- [ ] '),
        (3, 'fourth', 0, '81ff80', '- [x] one' || char(10) || 'see - [ ] two'),
        (4, 'second', 0, '817f80', '- [ ] one'),
        (5, 'second', 3, '80', '- [ ]'),
        (6, 'first', 3, '7f80', char(9) || '- [ ] one' || char(10) || char(10) || '* [ ] two')
    )
    INSERT INTO tasks
    SELECT CAST(number AS BLOB), x'01', number, title, description, status, '[]', NULL, position, NULL, 'ann',
           NULL, NULL, 0, 1, 0, 0, NULL FROM cards;";

#[tokio::test]
async fn tasks_of_the_first_version_keep_their_order_and_get_their_steps() {
    let mut sql = SqliteConnection::connect("sqlite::memory:")
        .await
        .expect("a database in memory");
    let (first, later) = MIGRATIONS.split_first().expect("a schema");
    apply(&mut sql, first.sql).await;
    apply(&mut sql, FIRST_VERSION).await;
    for migration in later {
        apply(&mut sql, migration.sql).await;
    }
    let rows = sqlx::query("SELECT * FROM tasks ORDER BY status, position")
        .fetch_all(&mut sql)
        .await
        .expect("tasks");
    let titles: Vec<&str> = rows.iter().map(|row| row.get("title")).collect();
    let order = ["first", "second", "third", "fourth", "first", "second"];
    assert_eq!(titles, order);
    for row in &rows {
        let steps = attention::open_steps(row.get("description"));
        assert_eq!(row.get::<u32, _>("open_steps"), steps);
    }
    let positions: Vec<&str> = rows.iter().map(|row| row.get("position")).collect();
    for pair in positions[..4].windows(2) {
        assert!(rank::between(Some(pair[0]), Some(pair[1])).is_some());
    }
    assert!(rank::between(Some(positions[5]), None).is_some());
}
