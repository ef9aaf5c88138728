//! The database away: 503 meanwhile, nothing lost, and it heals without a restart.

use std::time::{Duration, Instant};

use test_kit::{PATIENCE, Postgres, eventually};

use super::{ADMIN_EMAIL, Auth, PASSWORD, email_of, on_postgres, refused};

#[tokio::test]
async fn without_postgresql_it_answers_unavailable_and_heals() {
    if !on_postgres() {
        return;
    }
    let mut postgres = Postgres::start().await;
    let url = postgres.fresh_database().await;
    let auth = Auth::on(tempfile::tempdir().expect("a folder"), url, &[]).await;
    let reader = auth.person("reader").await;
    postgres.kill();
    for round in 0..2 {
        let asked = Instant::now();
        let (check, login, refresh, register, logout) = tokio::join!(
            auth.check(&reader.token),
            auth.login(ADMIN_EMAIL, PASSWORD),
            auth.refresh(&reader.refresh_token),
            auth.register("another"),
            auth.logout(&reader.token),
        );
        assert_eq!(
            [
                refused(check),
                refused(login),
                refused(refresh),
                refused(register),
                refused(logout)
            ],
            ["unavailable"; 5],
            "{round}"
        );
        let took = asked.elapsed();
        assert!(
            took < Duration::from_secs(5),
            "before the deadline: {took:?}"
        );
    }
    postgres.respawn().await;
    eventually("it heals", PATIENCE, async || {
        auth.check(&reader.token).await.map(drop)
    })
    .await;
    auth.refresh(&reader.refresh_token)
        .await
        .expect("refreshed");
    auth.sign_in(&email_of("reader")).await;
    auth.register("another").await.expect("an account");
    auth.logout(&reader.token).await.expect("signed out");
    let log = auth.process.log();
    assert!(
        !log.contains("internal error"),
        "an outage is no fault of ours"
    );
}
