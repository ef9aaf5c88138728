//! The keys of access tokens: at the start, when they change, and when a token names an unknown one.

use std::time::Duration;

use futures_util::future::join_all;
use redis_contracts::keys::{SIGNING_KEYS, SigningKeyIds};
use service_kit::Code;
use test_kit::{PATIENCE, eventually};
use uuid::Uuid;

use super::{
    World,
    issuer::{Issuer, Key},
    session,
};

impl World {
    /// A session, and its person's id.
    async fn signed_in(&self) -> (Uuid, Uuid) {
        let (id, record) = (Uuid::now_v7(), session());
        self.put(id, &record).await;
        (id, record.user.id)
    }

    /// Tells of keys, as auth-service does when it has published them.
    pub(super) async fn tell(&self, keys: &[&Key]) {
        let kids = keys.iter().map(|key| key.kid.clone()).collect();
        let (key, ids) = (SIGNING_KEYS.key(()), SigningKeyIds { kids });
        self.cache.set(&key, &ids).await.expect("told");
    }

    async fn until_published(&self, key: &Key) {
        eventually("the key is known", PATIENCE, async || {
            let jwks = self.guard.jwks().unwrap_or_default();
            jwks.contains(&key.kid).then_some(()).ok_or(jwks)
        })
        .await;
    }
}

#[tokio::test]
async fn until_the_keys_are_there_nobody_can_be_checked_and_then_everybody() {
    let issuer = Issuer::start().await;
    issuer.set_away(true);
    let world = World::without_keys(issuer).await;
    let (id, user_id) = world.signed_in().await;
    let token = world.issuer.key.token(id, user_id);
    assert_eq!(world.check(&token).await.err(), Some(Code::Unavailable));
    assert!(world.guard.jwks().is_none());
    world.issuer.set_away(false);
    world.until_keys().await;
    world.check(&token).await.expect("let in");
}

#[tokio::test]
async fn a_key_that_is_told_of_is_known_before_a_token_names_it() {
    let world = World::start().await;
    let (id, user_id) = world.signed_in().await;
    for name in ["second", "third"] {
        let next = Key::new(name);
        world.issuer.publish(&[&world.issuer.key, &next]);
        world.tell(&[&next, &world.issuer.key]).await;
        world.until_published(&next).await;
        let fetches = world.issuer.fetches();
        for key in [&next, &world.issuer.key] {
            world.check(&key.token(id, user_id)).await.expect("let in");
        }
        assert_eq!(world.issuer.fetches(), fetches);
    }
}

#[tokio::test]
async fn a_key_is_heard_of_after_the_connection_was_lost() {
    let world = World::start().await;
    world.tell(&[&world.issuer.key]).await;
    world.wire.cut();
    world.until_away().await;
    let next = Key::new("second");
    world.issuer.publish(&[&next]);
    let mut redis = world.redis.connect().await;
    let mut set = redis::cmd("SET");
    set.arg(SIGNING_KEYS.key(()).name())
        .arg(r#"{"kids":["second"]}"#);
    set.exec_async(&mut redis).await.expect("SET");
    world.wire.heal();
    world.until_published(&next).await;
}

#[tokio::test]
async fn a_key_that_is_published_a_moment_later_is_waited_for() {
    let world = World::start().await;
    let next = Key::new("second");
    let fetches = world.issuer.fetches();
    world.tell(&[&next, &world.issuer.key]).await;
    eventually("it was looked for", PATIENCE, async || {
        let more = world.issuer.fetches() > fetches + 1;
        more.then_some(()).ok_or("not yet")
    })
    .await;
    world.issuer.publish(&[&next, &world.issuer.key]);
    world.until_published(&next).await;
}

#[tokio::test]
async fn those_who_name_a_new_key_wait_for_one_fetch() {
    let world = World::start().await;
    let (id, user_id) = world.signed_in().await;
    let next = Key::new("second");
    world.issuer.publish(&[&world.issuer.key, &next]);
    let fetches = world.issuer.fetches();
    let tokens: Vec<_> = (0..50).map(|_| next.token(id, user_id)).collect();
    for caller in join_all(tokens.iter().map(|token| world.check(token))).await {
        caller.expect("let in");
    }
    assert_eq!(world.issuer.fetches(), fetches + 1);
}

#[tokio::test]
async fn strangers_make_the_keys_be_fetched_once_a_minute() {
    let world = World::start().await;
    let (id, user_id) = world.signed_in().await;
    let fetches = world.issuer.fetches();
    for number in 0..50 {
        let foreign = Key::new(&format!("foreign-{number}"));
        let token = foreign.token(id, user_id);
        assert_eq!(world.check(&token).await.err(), Some(Code::Unauthenticated));
    }
    assert_eq!(world.issuer.fetches(), fetches + 1);
    // What Redis tells is not held up by that.
    let next = Key::new("second");
    world.issuer.publish(&[&world.issuer.key, &next]);
    world.tell(&[&next, &world.issuer.key]).await;
    world.until_published(&next).await;
}

#[tokio::test]
async fn who_names_a_foreign_key_and_goes_away_opens_no_fetch_to_the_next() {
    let world = World::start().await;
    world.issuer.set_slow(true);
    let fetches = world.issuer.fetches();
    let token = Key::new("foreign").token(Uuid::now_v7(), Uuid::now_v7());
    for _ in 0..5 {
        // Gone before the answer, or refused at once.
        let _ = tokio::time::timeout(Duration::from_millis(50), world.check(&token)).await;
    }
    assert!(world.issuer.fetches() <= fetches + 1);
}

#[tokio::test]
async fn while_redis_can_tell_nothing_a_key_is_known_soon() {
    let world = World::start().await;
    world.wire.cut();
    world.until_away().await;
    let next = Key::new("second");
    world.issuer.publish(&[&world.issuer.key, &next]);
    world.until_published(&next).await;
}

#[tokio::test]
async fn a_fetch_that_fails_takes_no_key_away() {
    let world = World::start().await;
    let (id, user_id) = world.signed_in().await;
    let fetches = world.issuer.fetches();
    world.issuer.set_away(true);
    world.tell(&[&Key::new("second")]).await;
    eventually("it was tried", PATIENCE, async || {
        let tried = world.issuer.fetches() > fetches;
        tried.then_some(()).ok_or("not yet")
    })
    .await;
    let token = world.issuer.key.token(id, user_id);
    world.check(&token).await.expect("let in");
    world.issuer.set_away(false);
    world.issuer.publish(&[]);
    let foreign = Key::new("foreign").token(id, user_id);
    assert_eq!(
        world.check(&foreign).await.err(),
        Some(Code::Unauthenticated)
    );
    world.check(&token).await.expect("no keys are no answer");
}
