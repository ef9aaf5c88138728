//! PostgreSQL that does not answer, and rows that others hold: every wait has an end.

use std::time::{Duration, Instant};

use service_kit::Code;
use sql::{Database, problem, sqlite::Migration};
use test_kit::{PATIENCE, Postgres, Proxy, eventually};
use tokio::time::timeout;

const STEPS: &[Migration] = &[Migration {
    name: "one",
    sql: "CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT, WITHOUT ROWID;",
}];

/// The deadline of a call.
const DEADLINE: Duration = Duration::from_secs(5);

/// A database of its own, behind a wire of its own.
async fn opened() -> (Database, Proxy) {
    let postgres = Postgres::shared().await;
    let wire = Proxy::start(([127, 0, 0, 1], postgres.port()).into()).await;
    let url = postgres.fresh_database().await;
    let url = url.replace(
        &format!(":{}/", postgres.port()),
        &format!(":{}/", wire.addr().port()),
    );
    let database = Database::open(&url, "kit", STEPS).await.expect("opened");
    (database, wire)
}

async fn insert(database: &Database, id: i64) -> sqlx::Result<()> {
    let insert = sqlx::query("INSERT INTO t (id) VALUES ($1)").bind(id);
    insert.execute(&database.write).await.map(drop)
}

async fn count(database: &Database) -> sqlx::Result<i64> {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM t");
    count.fetch_one(&database.read).await
}

#[tokio::test]
async fn a_dead_wire_is_told_before_the_deadline_and_heals() {
    let (database, wire) = opened().await;
    insert(&database, 1).await.expect("inserted");
    let mut change = database.write.begin().await.expect("begun");
    wire.freeze();
    let asked = Instant::now();
    let insert_in_change = sqlx::query("INSERT INTO t (id) VALUES (9)").execute(&mut change);
    let (inserted, counted, changed) =
        tokio::join!(insert(&database, 2), count(&database), insert_in_change);
    let took = asked.elapsed();
    for fault in [inserted.err(), counted.err(), changed.err()] {
        let told = problem(fault.expect("a fault"), "The database");
        assert_eq!(told.code, Code::Unavailable);
    }
    assert!(took < DEADLINE, "{took:?}");
    drop(change);
    wire.cut_once();
    eventually("it heals", PATIENCE, async || insert(&database, 3).await).await;
}

#[tokio::test]
async fn a_row_that_a_frozen_replica_holds_is_waited_for_in_bounds_and_let_go() {
    let (database, _wire) = opened().await;
    insert(&database, 1).await.expect("inserted");
    let mut frozen = database.write.begin().await.expect("begun");
    let update = || sqlx::query("UPDATE t SET id = id WHERE id = 1");
    update().execute(&mut frozen).await.expect("held");
    let asked = Instant::now();
    let waited = update().execute(&database.write).await;
    let took = asked.elapsed();
    let told = problem(waited.expect_err("it is held"), "The database");
    assert_eq!(told.code, Code::Unavailable);
    assert!(took < DEADLINE, "{took:?}");
    eventually("it is let go", PATIENCE, async || {
        update().execute(&database.write).await.map(drop)
    })
    .await;
    let late = update().execute(&mut frozen).await.expect_err("ended");
    assert_eq!(problem(late, "The database").code, Code::Unavailable);
}

#[tokio::test]
async fn who_hangs_up_at_a_begin_takes_no_later_change_along() {
    let (database, _wire) = opened().await;
    insert(&database, 0).await.expect("inserted");
    for id in 1..20 {
        // Asked once, then dropped.
        let hung_up = timeout(Duration::ZERO, database.write.begin()).await;
        drop(hung_up);
        insert(&database, id).await.expect("inserted");
        assert_eq!(count(&database).await.expect("counted"), id + 1);
    }
}
