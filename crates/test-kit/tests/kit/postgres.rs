//! A PostgreSQL that keeps what it confirmed, and never stays behind.

use std::{fs, net::TcpStream, os::unix::fs::PermissionsExt, process::Command};

use sqlx::{Connection, PgConnection};
use test_kit::{PATIENCE, Postgres, eventually};

/// Set in the process that the last test starts.
const ROLE: &str = "KIT_LEAVES_POSTGRES";

#[tokio::test]
async fn postgres_keeps_what_it_confirmed_over_a_crash_and_goes_with_its_value() {
    let mut server = Postgres::start().await;
    let port = server.port();
    let url = server.fresh_database().await;
    assert_ne!(url, server.fresh_database().await);
    let mut connection = PgConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql("CREATE TABLE kept (number BIGINT); INSERT INTO kept VALUES (7)")
        .execute(&mut connection)
        .await
        .expect("a row");
    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.respawn().await;
    let mut connection = PgConnection::connect(&url).await.expect("a connection");
    let kept: i64 = sqlx::query_scalar("SELECT number FROM kept")
        .fetch_one(&mut connection)
        .await
        .expect("a row");
    assert_eq!(kept, 7);
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn a_postgres_that_nobody_drops_ends_with_its_process() {
    if let Some(told) = std::env::var_os(ROLE) {
        let port = Postgres::shared().await.port();
        fs::write(told, port.to_string()).expect("a port");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // The user that PostgreSQL is instead of root has to get through.
    let open = fs::Permissions::from_mode(0o711);
    fs::set_permissions(folder.path(), open).expect("changed");
    let (told, files) = (folder.path().join("port"), folder.path().join("tmp"));
    fs::create_dir(&files).expect("a folder");
    let this = std::env::current_exe().expect("the test has a path");
    let ended = Command::new(this)
        .args([
            "--exact",
            "postgres::a_postgres_that_nobody_drops_ends_with_its_process",
        ])
        .env(ROLE, &told)
        .env("TMPDIR", &files)
        .output()
        .expect("it runs");
    assert!(ended.status.success(), "{ended:?}");
    let port = fs::read_to_string(told).expect("it ran");
    let port: u16 = port.parse().expect("a port");
    eventually("all of it is gone", PATIENCE, async || {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Err("it answers");
        }
        let left = fs::read_dir(&files).expect("a folder").count();
        if left == 0 { Ok(()) } else { Err("its files") }
    })
    .await;
}
