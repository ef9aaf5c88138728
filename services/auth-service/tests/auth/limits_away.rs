//! Limits and locks while Redis is away or silent: this process decides, on from what it has seen.

use std::time::{Duration, Instant};

use test_kit::{PATIENCE, Proxy, eventually};

use super::{ADMIN_EMAIL, Auth, PASSWORD, address, client, limits::FIVE, refused};

/// How Redis is away.
type Outage = (&'static str, fn(&Proxy));

const OUTAGES: [Outage; 2] = [("cut", Proxy::cut), ("frozen", Proxy::freeze)];

impl Auth {
    async fn until_redis_decides(&self) {
        let by_redis = "devmentor_rate_limit_decisions_total{by=\"redis\",outcome=\"admitted\",policy=\"auth_address\"}";
        let before = self.metric(by_redis).await;
        let mut host = 0u8;
        eventually("Redis decides again", PATIENCE, async || {
            host = host.wrapping_add(1);
            let from = address(&format!("203.0.113.{host}"));
            let asked = self.limited("confirm", from).await;
            assert_eq!(refused(asked), "invalid");
            match self.metric(by_redis).await > before {
                true => Ok(()),
                false => Err("this process does"),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn sign_ins_go_on_are_limited_and_heal_without_a_restart() {
    for (how, outage) in OUTAGES {
        let auth = Auth::with(&[FIVE]).await;
        for _ in 0..2 {
            let before = auth.login(ADMIN_EMAIL, PASSWORD).await;
            before.expect("signed in");
        }
        outage(&auth.wire);
        for attempt in 3..=5 {
            let asked = Instant::now();
            let signed_in = auth.login(ADMIN_EMAIL, PASSWORD).await;
            let token = signed_in.expect(how).access_token;
            auth.check(&token).await.expect(how);
            assert!(
                asked.elapsed() < Duration::from_secs(4),
                "{how} {attempt}: {:?}",
                asked.elapsed()
            );
        }
        let sixth = auth.login(ADMIN_EMAIL, PASSWORD).await;
        assert_eq!(
            refused(sixth),
            "rate_limited",
            "{how}: it goes on from what it has seen"
        );
        let elsewhere = auth
            .login_from(ADMIN_EMAIL, PASSWORD, address("198.51.100.1"))
            .await;
        elsewhere.expect(how);
        auth.wire.heal();
        auth.until_redis_decides().await;
        let back = auth.login(ADMIN_EMAIL, PASSWORD).await;
        assert_eq!(
            refused(back),
            "rate_limited",
            "{how}: what Redis missed still counts"
        );
        auth.until_all_heard().await;
    }
}

#[tokio::test]
async fn nothing_that_people_do_is_answered_with_a_fault_of_ours() {
    for (how, outage) in OUTAGES {
        let auth = Auth::start().await;
        let reader = auth.person("reader").await;
        let leaver = auth.person("leaver").await;
        outage(&auth.wire);
        auth.check(&reader.token).await.expect(how);
        auth.me(&reader.token).await.expect(how);
        auth.register("another").await.expect(how);
        let next = auth.refresh(&reader.refresh_token).await.expect(how);
        auth.sql("UPDATE sessions SET last_seen = last_seen - 901000")
            .await;
        auth.touch(&next.token).await.expect(how);
        auth.begin_totp(&next.token).await.expect(how);
        let wrong = auth.login("reader@example.com", "not the password").await;
        assert_eq!(refused(wrong), "invalid_credentials", "{how}");
        auth.ask_reset(ADMIN_EMAIL).await.expect(how);
        let token = auth.mailed_token(ADMIN_EMAIL, &[]).await;
        auth.reset(&token, "another battery, another horse")
            .await
            .expect(how);
        auth.logout(&leaver.token).await.expect(how);
        assert_eq!(
            refused(auth.check(&leaver.token).await),
            "session_ended",
            "{how}"
        );
        auth.wire.heal();
        auth.until_held(leaver.session_id, |copy| copy.ended_at.is_some())
            .await;
        auth.until_all_heard().await;
        assert!(!auth.process.log().contains("internal error"), "{how}");
    }
}

#[tokio::test]
async fn a_lock_that_was_made_here_alone_holds_when_redis_is_back() {
    let auth = Auth::start().await;
    auth.login(ADMIN_EMAIL, PASSWORD).await.expect("signed in");
    auth.wire.cut();
    for attempt in 0..5 {
        let password = format!("wrong password {attempt}");
        let wrong = auth.login(ADMIN_EMAIL, &password).await;
        assert_eq!(refused(wrong), "invalid_credentials");
    }
    assert_eq!(
        refused(auth.login(ADMIN_EMAIL, PASSWORD).await),
        "account_locked"
    );
    let elsewhere = auth
        .login_from(ADMIN_EMAIL, PASSWORD, address("198.51.100.1"))
        .await;
    elsewhere.expect("another network");
    auth.wire.heal();
    auth.until_redis_decides().await;
    let back = auth.login_from(ADMIN_EMAIL, PASSWORD, client()).await;
    assert_eq!(refused(back), "account_locked");
}

#[tokio::test]
async fn a_lock_that_redis_made_holds_while_it_is_away() {
    let auth = Auth::start().await;
    auth.lock(ADMIN_EMAIL, client()).await;
    auth.wire.cut();
    assert_eq!(
        refused(auth.login(ADMIN_EMAIL, PASSWORD).await),
        "account_locked"
    );
}
