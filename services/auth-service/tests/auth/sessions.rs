//! Sessions: SQL is the truth, Redis has copies of it.

use std::time::Duration;

use futures_util::future::join_all;
use redis_contracts::{Value, keys::SESSION};
use rpc::auth::LogoutRequest;

use super::{Auth, call, email_of, refused};

fn seconds(moment: Option<&prost_types::Timestamp>) -> i64 {
    moment.expect("a moment").seconds
}

#[tokio::test]
async fn what_redis_forgot_is_restored_by_a_check() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let copy = auth.held(reader.session_id).await.expect("a hot copy");
    auth.flush().await;
    auth.check(&reader.token).await.expect("live");
    assert_eq!(auth.held(reader.session_id).await, Some(copy));
    auth.logout(&reader.token).await.expect("signed out");
    auth.flush().await;
    assert_eq!(refused(auth.check(&reader.token).await), "session_ended");
    assert_eq!(auth.held(reader.session_id).await, None);
}

#[tokio::test]
async fn an_ended_session_is_not_revived_by_a_late_copy() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let live = auth.held_copy(reader.session_id).await;
    auth.logout(&reader.token).await.expect("signed out");
    let ended = auth.held(reader.session_id).await.expect("a hot copy");
    assert!(ended.ended_at.is_some(), "told before logout is answered");
    let live = live.expect("a hot copy");
    assert!(!auth.put_late(reader.session_id, &live).await);
    assert_eq!(auth.held(reader.session_id).await, Some(ended));
}

#[tokio::test]
async fn a_redis_that_comes_back_with_older_data_is_told_again_of_what_ended() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let live = auth.held_copy(reader.session_id).await;
    let live = live.expect("a hot copy");
    auth.logout(&reader.token).await.expect("signed out");
    auth.until_all_heard().await;
    auth.wire.cut();
    let name = SESSION.key(reader.session_id).name().to_owned();
    auth.ask_redis::<()>("SET", &[name.into_bytes(), live.encode()])
        .await;
    auth.wire.heal();
    auth.until_held(reader.session_id, |copy| copy.ended_at.is_some())
        .await;
    assert_eq!(refused(auth.check(&reader.token).await), "session_ended");
}

#[tokio::test]
async fn a_session_in_use_is_slid_and_ends_in_the_end() {
    let auth = Auth::with(&[
        ("session.idle_seconds", "3600"),
        ("session.absolute_seconds", "7200"),
    ])
    .await;
    let reader = auth.person("reader").await;
    auth.sql(
        "UPDATE sessions SET last_seen = last_seen - 890000, expires_at = expires_at - 890000",
    )
    .await;
    let early = auth.touch(&reader.token).await.expect("live");
    assert_eq!(early.version, 1, "a quarter of its idle time is not gone");
    auth.sql("UPDATE sessions SET last_seen = last_seen - 11000, expires_at = expires_at - 11000")
        .await;
    let before = auth.check(&reader.token).await.expect("live");
    let slid = auth.touch(&reader.token).await.expect("live");
    let grown = seconds(slid.expires_at.as_ref()) - seconds(before.expires_at.as_ref());
    assert!((901..960).contains(&grown), "{grown}");
    assert_eq!(slid.version, before.version + 1);
    let held = auth.held(reader.session_id).await.expect("a hot copy");
    assert_eq!(held.version, slid.version);
    assert_eq!(auth.touch(&reader.token).await.expect("not due"), slid);

    auth.sql(
        "UPDATE sessions SET last_seen = last_seen - 901000, expires_at = expires_at - 901000, created_at = created_at - 7000000",
    )
    .await;
    let last = auth.touch(&reader.token).await.expect("live");
    assert_eq!(
        seconds(last.expires_at.as_ref()) - seconds(last.created_at.as_ref()),
        7200,
        "never beyond its absolute end"
    );
    auth.sql("UPDATE sessions SET expires_at = last_seen - 1")
        .await;
    assert_eq!(refused(auth.touch(&reader.token).await), "session_ended");
    assert_eq!(refused(auth.check(&reader.token).await), "session_ended");
}

#[tokio::test]
async fn without_redis_people_come_and_go_and_redis_hears_of_it_later() {
    let auth = Auth::start().await;
    let (stays, leaves) = (auth.person("stays").await, auth.person("leaves").await);
    auth.wire.cut();
    let comes = auth.sign_in(&email_of("stays")).await;
    auth.check(&comes.token).await.expect("live");
    auth.logout(&leaves.token).await.expect("signed out");
    assert_eq!(refused(auth.check(&leaves.token).await), "session_ended");
    auth.wire.heal();
    auth.until_held(comes.session_id, |copy| copy.ended_at.is_none())
        .await;
    auth.until_held(leaves.session_id, |copy| copy.ended_at.is_some())
        .await;
    auth.until_all_heard().await;
    auth.check(&stays.token).await.expect("live");
}

#[tokio::test]
async fn a_logout_whose_caller_hung_up_reaches_redis() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    auth.wire.freeze();
    let request = call(&reader.token, LogoutRequest {});
    let mut client = auth.client();
    let hung_up = tokio::time::timeout(Duration::from_millis(300), client.logout(request)).await;
    assert!(hung_up.is_err(), "Redis does not answer");
    auth.wire.heal();
    auth.until_held(reader.session_id, |copy| copy.ended_at.is_some())
        .await;
    // What was on the wire may have arrived by itself; that it is known to have is what counts.
    auth.until_all_heard().await;
}

#[tokio::test]
async fn a_crash_between_sql_and_redis_is_made_good() {
    let mut auth = Auth::start().await;
    let reader = auth.person("reader").await;
    auth.wire.cut();
    auth.logout(&reader.token).await.expect("signed out");
    auth.process.kill();
    auth.wire.heal();
    auth.restart().await;
    auth.until_held(reader.session_id, |copy| copy.ended_at.is_some())
        .await;
}

#[tokio::test]
async fn an_emptied_cache_signs_nobody_out_and_revives_nobody() {
    let auth = Auth::start().await;
    auth.register("reader").await.expect("an account");
    let email = email_of("reader");
    let sign_ins = (0..20).map(async |_| auth.sign_in(&email).await);
    let mut live = join_all(sign_ins).await;
    let ended = live.split_off(10);
    for signed in &ended {
        auth.logout(&signed.token).await.expect("signed out");
    }
    auth.flush().await;
    for (signed, gone) in live.iter().zip(&ended) {
        auth.check(&signed.token).await.expect("live");
        assert_eq!(refused(auth.check(&gone.token).await), "session_ended");
        assert_eq!(
            refused(auth.refresh(&gone.refresh_token).await),
            "session_ended"
        );
        assert_eq!(auth.held(gone.session_id).await, None);
        let restored = auth.held(signed.session_id).await.expect("a hot copy");
        assert_eq!(restored.ended_at, None);
    }
    auth.refresh(&live[0].refresh_token).await.expect("live");
}

#[tokio::test]
async fn every_key_of_the_cache_ends_by_itself() {
    let auth = Auth::with(&[("limits.auth_per_minute", "1000")]).await;
    let reader = auth.person("reader").await;
    // A Redis that is slow for a moment misses a failure: the process counts it by itself.
    test_kit::eventually("a failure is in Redis", test_kit::PATIENCE, async || {
        let wrong = auth.login(&email_of("reader"), "one wrong password").await;
        assert_eq!(refused(wrong), "invalid_credentials");
        let keys: Vec<String> = auth.ask_redis("KEYS", &["login_failures:*"]).await;
        if keys.is_empty() { Err("none") } else { Ok(()) }
    })
    .await;
    auth.logout(&reader.token).await.expect("signed out");
    let keys: Vec<String> = auth.ask_redis("KEYS", &["*"]).await;
    for kind in [
        "session:",
        "rate_limit:",
        "login_failures:",
        "system:health:",
    ] {
        assert!(
            keys.iter().any(|key| key.starts_with(kind)),
            "{kind} in {keys:?}"
        );
    }
    for key in keys {
        // -2: it has ended since.
        let ttl_ms: i64 = auth.ask_redis("PTTL", &[&key]).await;
        assert!(ttl_ms != -1, "{key}");
        assert!(!key.contains('@') && !key.contains("reader"), "{key}");
    }
}
