//! Who can write to the cache Redis, and what that gives them: nothing, and nobody else less.

use identity::ADMIN;
use redis_contracts::{
    SignedCopy, Timestamp, Value,
    keys::{SESSION, Scope, SessionRecord},
};
use service_kit::Code;
use test_kit::{PATIENCE, eventually};
use uuid::Uuid;

use super::{
    World, ended,
    issuer::Key,
    machines::{record as machine_record, text},
    session,
};

impl World {
    /// Writes any bytes under the key of a session, as somebody else.
    async fn plant(&self, id: Uuid, bytes: &[u8]) {
        self.command("SET", id, bytes).await;
    }

    async fn command(&self, command: &str, id: Uuid, bytes: &[u8]) {
        let mut command = redis::cmd(command);
        command.arg(SESSION.key(id).name()).arg(bytes);
        let mut redis = self.redis.connect().await;
        command.exec_async(&mut redis).await.expect("planted");
    }

    /// Somebody signed in, known to auth-service: session, its record, token.
    fn person(&self) -> (Uuid, SessionRecord, String) {
        let (id, record) = (Uuid::now_v7(), session());
        self.auth.know(id, id, &record);
        let token = self.issuer.key.token(id, record.user.id);
        (id, record, token)
    }
}

/// What an attacker writes for a session that they want to be: each claims to be `record`.
fn forgeries(world: &World, id: Uuid, record: &SessionRecord) -> Vec<Vec<u8>> {
    let own = Key::new("an attacker's");
    let under_ours = Key::new(&world.issuer.key.kid);
    let good = world.issuer.key.copy(id, &session());
    let spliced = SignedCopy {
        signature: good.signature.clone(),
        payload: world.issuer.key.copy(id, record).payload,
    };
    let unsigned = SignedCopy {
        signature: String::new(),
        ..spliced.clone()
    };
    // A token is signed with the same key.
    let token = world.issuer.key.token(id, record.user.id);
    let (_, of_a_token) = token.rsplit_once('.').expect("a JWT");
    let by_a_token = SignedCopy {
        signature: of_a_token.to_owned(),
        ..spliced.clone()
    };
    vec![
        serde_json::to_vec(record).expect("JSON"),
        own.copy(id, record).encode(),
        under_ours.copy(id, record).encode(),
        world.issuer.key.copy(Uuid::now_v7(), record).encode(),
        spliced.encode(),
        unsigned.encode(),
        by_a_token.encode(),
        token.into_bytes(),
    ]
}

fn admin(record: SessionRecord) -> SessionRecord {
    let mut admin = record;
    admin.user.roles.push(ADMIN.to_owned());
    admin
}

#[tokio::test]
async fn a_forged_machine_token_opens_nothing() {
    let world = World::start().await;
    let id = Uuid::now_v7();
    let token = text(id, 1);
    let record = admin(machine_record(&token, &Scope::ALL));
    for forged in forgeries(&world, id, &record) {
        world.plant(id, &forged).await;
        for _ in 0..3 {
            assert_eq!(world.check(&token).await.err(), Some(Code::Unauthenticated));
            assert!(!world.knows(&token));
        }
    }
    assert_eq!(world.asked(), 1, "and costs one question");
    // What is signed for this token does.
    world.put(id, &record).await;
    let caller = world.check(&token).await.expect("let in");
    assert!(caller.has_role(ADMIN));
}

#[tokio::test]
async fn a_forged_copy_makes_nobody_an_admin_and_its_person_goes_on() {
    let world = World::start().await;
    let (id, record, token) = world.person();
    for forged in forgeries(&world, id, &admin(record.clone())) {
        world.plant(id, &forged).await;
        let caller = world.check(&token).await.expect("let in");
        assert_eq!(caller.user(), &record.user);
        eventually("auth-service's copy is held", PATIENCE, async || {
            let caller = world.check(&token).await.expect("let in");
            assert!(!caller.has_role(ADMIN));
            world.knows(&token).then_some(()).ok_or("not yet")
        })
        .await;
    }
}

#[tokio::test]
async fn a_planted_copy_signs_nobody_out_whatever_it_claims() {
    let world = World::start().await;
    let (id, record, token) = world.person();
    let newest = SessionRecord {
        version: u64::MAX,
        ..ended(&record)
    };
    for forged in forgeries(&world, id, &newest) {
        world.plant(id, &forged).await;
        assert_eq!(
            world.check(&token).await.expect("let in").user(),
            &record.user
        );
    }
    // It has taught nothing: the true end counts.
    world.auth.forget(id);
    world.put(id, &ended(&record)).await;
    world.until_refused(&token, Code::SessionEnded).await;
}

#[tokio::test]
async fn anothers_good_copy_is_good_for_them_alone() {
    let world = World::start().await;
    let (id, record, token) = world.person();
    let (theirs, other) = (Uuid::now_v7(), admin(session()));
    let same_person = SessionRecord {
        user: record.user.clone(),
        ..other.clone()
    };
    for pasted in [&other, &ended(&other), &admin(same_person)] {
        world
            .put_copy(id, &world.issuer.key.copy(theirs, pasted))
            .await;
        let caller = world.check(&token).await.expect("let in");
        assert_eq!(caller.user(), &record.user);
    }
}

#[tokio::test]
async fn garbage_is_a_miss() {
    let world = World::start().await;
    let (id, record, token) = world.person();
    for (asked, junk) in [&b""[..], b"{}", b"\xff\xfe.", b"null", &[b'.'; 100_000]]
        .into_iter()
        .enumerate()
    {
        world.plant(id, junk).await;
        eventually("it is heard of", PATIENCE, async || {
            let caller = world.check(&token).await.expect("let in");
            assert_eq!(caller.user(), &record.user);
            (world.asked() > asked).then_some(()).ok_or("not yet")
        })
        .await;
    }
    world.command("DEL", id, b"another key").await;
    world.command("LPUSH", id, b"a list").await;
    for _ in 0..3 {
        world.check(&token).await.expect("let in");
    }
}

#[tokio::test]
async fn an_older_copy_is_a_miss_where_a_newer_one_was_read() {
    let world = World::start().await;
    let (id, record, token) = world.person();
    let older = admin(record.clone());
    let newer = SessionRecord {
        version: 2,
        ..record.clone()
    };
    world.auth.know(id, id, &newer);
    world.put(id, &newer).await;
    world.check(&token).await.expect("let in");
    assert_eq!(world.asked(), 0);
    world.put(id, &older).await;
    eventually("auth-service is asked", PATIENCE, async || {
        let caller = world.check(&token).await.expect("let in");
        assert!(!caller.has_role(ADMIN), "a role that was taken away");
        (world.asked() > 0).then_some(()).ok_or("not yet")
    })
    .await;
}

#[tokio::test]
async fn an_older_copy_is_a_miss_where_auth_service_has_said_more() {
    let world = World::start().await;
    let (id, record, token) = world.person();
    let newer = SessionRecord {
        version: 2,
        ..record.clone()
    };
    world.auth.know(id, id, &newer);
    world.check(&token).await.expect("let in");
    assert_eq!(world.asked(), 1);
    world.put(id, &admin(record)).await;
    eventually("auth-service is asked", PATIENCE, async || {
        let caller = world.check(&token).await.expect("let in");
        assert!(!caller.has_role(ADMIN), "a role that was taken away");
        (world.asked() > 1).then_some(()).ok_or("not yet")
    })
    .await;
}

#[tokio::test]
async fn what_was_seen_to_end_is_not_brought_back_by_an_older_copy() {
    let world = World::start().await;
    for heard in [true, false] {
        let (id, record, token) = world.person();
        world.put(id, &record).await;
        world.check(&token).await.expect("let in");
        world.auth.forget(id);
        match heard {
            true => world.put(id, &ended(&record)).await,
            false => world.guard.end(id, true).await,
        }
        world.until_refused(&token, Code::SessionEnded).await;
        for version in [record.version, u64::MAX] {
            let live = SessionRecord {
                version,
                ..record.clone()
            };
            world.put(id, &live).await;
            for _ in 0..3 {
                assert_eq!(world.check(&token).await.err(), Some(Code::SessionEnded));
            }
        }
    }
}

#[tokio::test]
async fn a_copy_that_is_good_no_more_is_a_miss() {
    let world = World::start().await;
    let (id, record, token) = world.person();
    let over = world.issuer.key.copy_until(id, &record, Timestamp::now());
    world.put_copy(id, &over).await;
    world.check(&token).await.expect("let in");
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_copy_is_held_until_it_is_good_no_more() {
    let world = World::start().await;
    let (id, record, token) = world.person();
    let until = Timestamp::from_unix_ms(Timestamp::now().unix_ms() + 700);
    let copy = world.issuer.key.copy_until(id, &record, until);
    world.put_copy(id, &copy).await;
    world.check(&token).await.expect("let in");
    assert!(world.knows(&token));
    eventually("it is held no more", PATIENCE, async || {
        (!world.knows(&token)).then_some(()).ok_or("not yet")
    })
    .await;
    assert_eq!(world.asked(), 0);
    world.check(&token).await.expect("let in");
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn copies_are_good_through_a_rotation_and_go_with_a_key_that_is_withdrawn() {
    let world = World::start().await;
    let (id, record, _) = world.person();
    let (other, person, _) = world.person();
    let next = Key::new("second");
    world.put(id, &record).await;
    // Signed with a key that nobody publishes yet.
    world.put_copy(other, &next.copy(other, &person)).await;
    let token = next.token(other, person.user.id);
    let old_token = world.issuer.key.token(id, record.user.id);
    world.check(&old_token).await.expect("let in");
    world.issuer.publish(&[&world.issuer.key, &next]);
    world.check(&token).await.expect("let in");
    assert!(world.knows(&token) && world.knows(&old_token));
    assert_eq!(world.asked(), 0, "neither is asked about");

    world.issuer.publish(&[&next]);
    world.tell(&[&next]).await;
    world.until_refused(&old_token, Code::Unauthenticated).await;
    let token = next.token(id, record.user.id);
    eventually(
        "what the old key signed counts no more",
        PATIENCE,
        async || {
            world.check(&token).await.expect("let in");
            (world.asked() > 0).then_some(()).ok_or("it is held")
        },
    )
    .await;
}

#[tokio::test]
async fn a_bad_copy_is_counted_with_its_reason() {
    let world = World::start().await;
    let (id, record, token) = world.person();
    let key = &world.issuer.key;
    world
        .put(
            id,
            &SessionRecord {
                version: 2,
                ..record.clone()
            },
        )
        .await;
    world.check(&token).await.expect("let in");
    let bad = [
        ("unreadable", b"junk".to_vec()),
        ("unknown_key", Key::new("other").copy(id, &record).encode()),
        ("forged", key.copy(Uuid::now_v7(), &record).encode()),
        (
            "over",
            key.copy_until(id, &record, Timestamp::now()).encode(),
        ),
        ("older", key.copy(id, &record).encode()),
    ];
    for (reason, copy) in bad {
        let before = refused(reason);
        world.plant(id, &copy).await;
        eventually("it is counted", PATIENCE, async || {
            world.check(&token).await.expect("let in");
            (refused(reason) > before).then_some(()).ok_or(reason)
        })
        .await;
    }
}

/// How many copies were not accepted for this reason.
fn refused(reason: &str) -> u64 {
    let families = prometheus::gather();
    let of_copies = families
        .iter()
        .filter(|family| family.name() == "devmentor_session_copies_refused_total");
    let metrics = of_copies.flat_map(|family| family.get_metric());
    metrics
        .filter(|metric| {
            metric
                .get_label()
                .iter()
                .any(|label| label.value() == reason)
        })
        .map(|metric| metric.get_counter().get_value() as u64)
        .sum()
}
