//! Sessions of people: held, ended, missing, and while the cache is away.

use std::{sync::atomic::Ordering, time::Instant};

use futures_util::future::join_all;
use redis_contracts::{
    Timestamp,
    keys::{Scope, SessionRecord},
};
use service_kit::Code;
use test_kit::{PATIENCE, eventually};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use super::{World, code_of, context, ended, session};

#[tokio::test]
async fn a_session_that_is_held_costs_no_question_and_no_round_trip() {
    let world = World::start().await;
    let (id, record) = (Uuid::now_v7(), session());
    world.put(id, &record).await;
    let token = world.issuer.key.token(id, record.user.id);
    assert!(!world.knows(&token));
    let caller = world.check(&token).await.expect("let in");
    assert_eq!((caller.user(), caller.session_id), (&record.user, id));
    assert!(!caller.is_machine());
    assert!(world.knows(&token));
    // Another token of the same session, whose signature has to be checked first.
    let other = world.issuer.key.token(id, record.user.id);
    assert!(!world.knows(&other));
    world.check(&other).await.expect("let in");
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn an_end_is_heard_at_once() {
    let world = World::start().await;
    let mut waits = Vec::new();
    for _ in 0..20 {
        let (id, record) = (Uuid::now_v7(), session());
        world.put(id, &record).await;
        let token = world.issuer.key.token(id, record.user.id);
        world.check(&token).await.expect("let in");
        world.put(id, &ended(&record)).await;
        let told = Instant::now();
        world.until_refused(&token, Code::SessionEnded).await;
        waits.push(told.elapsed());
    }
    waits.sort_unstable();
    assert!(waits[10].as_millis() < 50, "{waits:?}");
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn a_missing_copy_is_asked_for_once_and_then_held() {
    let world = World::start().await;
    let (id, record) = (Uuid::now_v7(), session());
    world.auth.know(id, id, &record);
    let token = world.issuer.key.token(id, record.user.id);
    let all = join_all((0..50).map(|_| world.check(&token))).await;
    for caller in all {
        assert_eq!(caller.expect("let in").user(), &record.user);
    }
    assert_eq!(world.asked(), 1);
    for _ in 0..50 {
        world.check(&token).await.expect("let in");
    }
    assert_eq!(world.asked(), 1, "it was restored");
    let mut redis = world.redis.connect().await;
    let emptied = redis::cmd("FLUSHALL").exec_async(&mut redis).await;
    emptied.expect("FLUSHALL");
    world.check(&token).await.expect("nobody is signed out");
}

#[tokio::test]
async fn what_auth_service_ended_is_asked_for_once() {
    let world = World::start().await;
    let token = world.issuer.key.token(Uuid::now_v7(), Uuid::now_v7());
    for _ in 0..20 {
        assert_eq!(code_of_check(&world, &token).await, Code::SessionEnded);
    }
    assert_eq!(world.asked(), 1);
}

async fn code_of_check(world: &World, token: &str) -> Code {
    code_of(world.guard.check(token, &context()).await)
}

#[tokio::test]
async fn a_token_does_not_open_the_session_of_another() {
    let world = World::start().await;
    let (id, record) = (Uuid::now_v7(), session());
    world.put(id, &record).await;
    let own = world.issuer.key.token(id, record.user.id);
    let others = world.issuer.key.token(id, Uuid::now_v7());
    world.check(&own).await.expect("let in");
    for _ in 0..2 {
        assert_eq!(world.check(&others).await.err(), Some(Code::SessionEnded));
    }
}

#[tokio::test]
async fn without_the_cache_people_stay_signed_in_and_an_end_counts() {
    let mut world = World::start().await;
    let (id, record) = (Uuid::now_v7(), session());
    world.put(id, &record).await;
    world.auth.know(id, id, &record);
    let token = world.issuer.key.token(id, record.user.id);
    world.check(&token).await.expect("let in");
    world.redis.kill();
    world.until_away().await;
    for _ in 0..100 {
        world.check(&token).await.expect("let in");
    }
    assert!(
        world.asked() <= 3,
        "a word is good for a second: {}",
        world.asked()
    );
    world.auth.forget(id);
    world.guard.end(id, false).await;
    assert_eq!(world.check(&token).await.err(), Some(Code::SessionEnded));
    world.redis.restart().await;
    world.until_tracking().await;
    world.until_refused(&token, Code::SessionEnded).await;
}

#[tokio::test]
async fn a_frozen_cache_costs_a_wait_and_no_sign_in() {
    let world = World::start().await;
    let (id, record) = (Uuid::now_v7(), session());
    world.put(id, &record).await;
    world.auth.know(id, id, &record);
    let token = world.issuer.key.token(id, record.user.id);
    world.check(&token).await.expect("let in");
    world.wire.freeze();
    world.until_away().await;
    world.check(&token).await.expect("let in");
    assert!(world.asked() >= 1);
    world.wire.heal();
    world.until_tracking().await;
    world.check(&token).await.expect("let in");
    eventually("it is held again", PATIENCE, async || {
        let _ = world.check(&token).await;
        world.knows(&token).then_some(()).ok_or("not yet")
    })
    .await;
}

#[tokio::test]
async fn an_end_in_this_process_counts_at_once() {
    let world = World::start().await;
    let (id, record) = (Uuid::now_v7(), session());
    world.put(id, &record).await;
    let token = world.issuer.key.token(id, record.user.id);
    world.check(&token).await.expect("let in");
    // auth-service could not tell the cache: the copy is still there.
    world.guard.end(id, false).await;
    assert!(!world.knows(&token));
    assert_eq!(world.check(&token).await.err(), Some(Code::SessionEnded));
}

#[tokio::test]
async fn a_session_in_use_is_slid_once() {
    let world = World::start().await;
    let (used, fresh) = (Uuid::now_v7(), Uuid::now_v7());
    // The process was started with another idle time: the session's own counts.
    let now = Timestamp::now();
    let record = SessionRecord {
        last_seen: Timestamp::from_unix_ms(now.unix_ms() - 3000),
        expires_at: now.plus_seconds(9),
        ..session()
    };
    world.put(used, &record).await;
    world.put(fresh, &session()).await;
    for _ in 0..50 {
        let token = world.issuer.key.token(used, record.user.id);
        world.check(&token).await.expect("let in");
    }
    eventually("it is slid", PATIENCE, async || {
        match world.auth.touched.load(Ordering::SeqCst) {
            1 => Ok(()),
            times => Err(times),
        }
    })
    .await;
}

#[tokio::test]
async fn who_was_let_in_stays_when_their_token_expires_and_goes_when_their_session_ends() {
    let world = World::start().await;
    let (id, record) = (Uuid::now_v7(), session());
    world.put(id, &record).await;
    let token = world.issuer.key.token_for(id, record.user.id, 1);
    let caller = world.check(&token).await.expect("let in");
    world.until_refused(&token, Code::Unauthenticated).await;
    let again = world.guard.check_again(&caller, &context()).await;
    assert_eq!(again.expect("it lives").session_id, id);
    // Nor does it matter when the copy is missing and auth-service is asked.
    world.auth.know(id, id, &record);
    let mut redis = world.redis.connect().await;
    let emptied = redis::cmd("FLUSHALL").exec_async(&mut redis).await;
    emptied.expect("FLUSHALL");
    eventually("auth-service is asked", PATIENCE, async || {
        let again = world.guard.check_again(&caller, &context()).await;
        again.expect("it lives");
        (world.asked() > 0).then_some(()).ok_or("not yet")
    })
    .await;
    world.put(id, &ended(&record)).await;
    eventually("it has ended", PATIENCE, async || {
        match world.guard.check_again(&caller, &context()).await {
            Err(problem) if problem.code == Code::SessionEnded => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn who_was_let_in_has_a_good_token_while_their_session_lives() {
    let world = World::start().await;
    let (id, record) = (Uuid::now_v7(), session());
    world.put(id, &record).await;
    world.auth.know(id, id, &record);
    let token = world.issuer.key.token_for(id, record.user.id, 1);
    let caller = world.check(&token).await.expect("let in");
    let good = async || world.guard.good_token(&caller, &context()).await;
    assert_eq!(*good().await.expect("their own"), *token);
    world.until_refused(&token, Code::Unauthenticated).await;
    let fresh = world.issuer.key.token(id, record.user.id);
    world
        .auth
        .to_go_on
        .lock()
        .expect("not poisoned")
        .clone_from(&fresh);
    for _ in 0..3 {
        assert_eq!(*good().await.expect("another"), *fresh);
    }
    assert_eq!(world.asked(), 1, "one question for many calls");
}

#[tokio::test]
async fn a_person_has_every_scope_over_grpc() {
    let world = World::start().await;
    let (id, record) = (Uuid::now_v7(), session());
    world.put(id, &record).await;
    let token = world.issuer.key.token(id, record.user.id);
    let mut metadata = MetadataMap::new();
    let none = world
        .guard
        .check_metadata(&metadata, &context(), Scope::Read)
        .await;
    assert_eq!(code_of(none), Code::Unauthenticated);
    let bearer = format!("Bearer {token}").parse().expect("plain");
    metadata.insert("authorization", bearer);
    for scope in Scope::ALL {
        let caller = world
            .guard
            .check_metadata(&metadata, &context(), scope)
            .await;
        caller.expect("let in");
    }
}
