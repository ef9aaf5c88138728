//! Machine tokens: opened by their secret, bound to their scopes, and no way to lock their holder out.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use futures_util::future::join_all;
use identity::MachineToken;
use redis_contracts::{
    Timestamp,
    keys::{Scope, SessionRecord},
};
use service_kit::Code;
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use super::{World, code_of, context, ended, machine, session};

pub(super) fn text(id: Uuid, secret: u8) -> String {
    let bytes = [id.as_bytes().as_slice(), &[secret; 32]].concat();
    format!("dmp_{}", BASE64URL.encode(bytes))
}

pub(super) fn record(text: &str, scopes: &[Scope]) -> SessionRecord {
    let token = MachineToken::parse(text).expect("a machine token");
    let hex = token.sha256().map(|byte| format!("{byte:02x}")).concat();
    machine(hex, scopes)
}

#[tokio::test]
async fn the_right_secret_opens_and_is_then_known() {
    let world = World::start().await;
    let id = Uuid::now_v7();
    let token = text(id, 1);
    let record = record(&token, &[Scope::Read]);
    world.put(id, &record).await;
    let caller = world.check(&token).await.expect("let in");
    assert!(caller.is_machine() && caller.session_id == id);
    assert_eq!(caller.user(), &record.user);
    assert!(world.knows(&token));
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn a_wrong_secret_opens_nothing_and_locks_nobody_out() {
    let world = World::start().await;
    let id = Uuid::now_v7();
    let (token, wrong) = (text(id, 1), text(id, 2));
    let record = record(&token, &Scope::ALL);
    // While there is no hot copy, auth-service is asked; it knows the whole text alone.
    world.auth.know(&token, id, &record);
    for _ in 0..10 {
        assert_eq!(world.check(&wrong).await.err(), Some(Code::Unauthenticated));
    }
    assert_eq!(world.asked(), 1, "one question");
    world.check(&token).await.expect("let in");
    assert_eq!(world.asked(), 2);
    for _ in 0..10 {
        assert_eq!(world.check(&wrong).await.err(), Some(Code::Unauthenticated));
        world.check(&token).await.expect("let in");
    }
    assert_eq!(world.asked(), 2, "the copy tells right from wrong");
}

#[tokio::test]
async fn strangers_wait_for_each_other_and_cost_a_question_each() {
    let world = World::start().await;
    let tokens: Vec<_> = (0..60).map(|secret| text(Uuid::now_v7(), secret)).collect();
    for _ in 0..2 {
        let all = tokens.iter().map(|token| world.check(token));
        for checked in join_all(all).await {
            assert_eq!(checked.err(), Some(Code::Unauthenticated));
        }
    }
    assert_eq!(world.asked(), tokens.len());
    assert!(
        world.auth.most_at_once() <= 8,
        "{}",
        world.auth.most_at_once()
    );
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_refused() {
    let world = World::start().await;
    let id = Uuid::now_v7();
    let token = text(id, 1);
    let record = record(&token, &Scope::ALL);
    world.put(id, &record).await;
    world.check(&token).await.expect("let in");
    world.put(id, &ended(&record)).await;
    world.until_refused(&token, Code::Unauthenticated).await;

    let other = Uuid::now_v7();
    let token = text(other, 1);
    let over = SessionRecord {
        expires_at: Timestamp::now(),
        ..self::record(&token, &Scope::ALL)
    };
    world.put(other, &over).await;
    assert_eq!(world.check(&token).await.err(), Some(Code::Unauthenticated));
    // Nor does auth-service's word open it.
    world.auth.know(&token, other, &over);
    assert_eq!(world.check(&token).await.err(), Some(Code::Unauthenticated));
}

#[tokio::test]
async fn what_is_revoked_in_this_process_counts_at_once_also_without_the_cache() {
    let mut world = World::start().await;
    let id = Uuid::now_v7();
    let token = text(id, 1);
    world.auth.know(&token, id, &record(&token, &Scope::ALL));
    world.redis.kill();
    world.until_away().await;
    world.check(&token).await.expect("let in");
    world.auth.forget(&token);
    world.guard.end(id, false).await;
    assert_eq!(world.check(&token).await.err(), Some(Code::Unauthenticated));
}

#[tokio::test]
async fn a_session_and_a_machine_token_do_not_stand_for_each_other() {
    let world = World::start().await;
    let (session_id, machine_id) = (Uuid::now_v7(), Uuid::now_v7());
    let (person, token) = (session(), text(machine_id, 1));
    let machine = record(&token, &Scope::ALL);
    world.put(session_id, &person).await;
    world.put(machine_id, &machine).await;
    let access = world.issuer.key.token(machine_id, machine.user.id);
    assert_eq!(world.check(&access).await.err(), Some(Code::SessionEnded));
    let dressed_up = text(session_id, 1);
    for _ in 0..2 {
        let refused = world.check(&dressed_up).await.err();
        assert_eq!(refused, Some(Code::Unauthenticated));
    }
}

#[tokio::test]
async fn what_does_not_have_the_form_is_not_asked_about() {
    let world = World::start().await;
    let good = text(Uuid::now_v7(), 1);
    for junk in [
        "dmp_",
        "dmp_x",
        &good[..good.len() - 1],
        &format!("{good}A"),
    ] {
        assert_eq!(world.check(junk).await.err(), Some(Code::Unauthenticated));
    }
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn a_call_takes_its_scope() {
    let world = World::start().await;
    let id = Uuid::now_v7();
    let token = text(id, 1);
    world.put(id, &record(&token, &[Scope::Read])).await;
    let mut metadata = MetadataMap::new();
    let bearer = format!("Bearer {token}").parse().expect("plain");
    metadata.insert("authorization", bearer);
    let check = async |scope| {
        world
            .guard
            .check_metadata(&metadata, &context(), scope)
            .await
    };
    check(Scope::Read).await.expect("let in");
    assert_eq!(code_of(check(Scope::Write).await), Code::Forbidden);
    assert_eq!(code_of(check(Scope::Admin).await), Code::Forbidden);
}
