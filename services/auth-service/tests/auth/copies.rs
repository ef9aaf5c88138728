//! Hot copies: signed for an hour at most, and put in the place of whatever somebody else writes there.

use std::fs;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use identity::{BadCopy, KeySet, check_copy, keys_from_jwks, sign_copy};
use jsonwebtoken::{Algorithm, EncodingKey};
use redis_contracts::{
    HotCopy, SignedCopy, Timestamp, Value,
    keys::{SESSION, SessionRecord},
};
use rpc::auth::GetJwksRequest;
use test_kit::{PATIENCE, eventually};
use uuid::Uuid;

use super::{Auth, answer, refused};

impl Auth {
    /// The published keys.
    async fn published(&self) -> KeySet {
        let told = answer(self.client().get_jwks(GetJwksRequest {}).await);
        keys_from_jwks(&told.expect("keys").jwks).expect("a JWK set")
    }

    /// The hot copy of a session, as a process takes it in.
    async fn checked(&self, id: Uuid) -> Result<HotCopy, BadCopy> {
        let copy = self.held_copy(id).await.expect("a hot copy");
        check_copy(id, Ok(copy), &self.published().await)
    }

    /// Writes a value as somebody else, for ever.
    async fn plant(&self, id: Uuid, value: &[u8]) {
        let name = SESSION.key(id).name().to_owned();
        self.ask_redis::<()>("SET", &[name.as_bytes(), value]).await;
    }

    async fn ttl_ms(&self, id: Uuid) -> i64 {
        self.ask_redis("PTTL", &[SESSION.key(id).name()]).await
    }

    /// The only key of the service, and its id.
    fn private_key(&self) -> (String, EncodingKey) {
        let file = fs::read_dir(self.file("keys")).expect("keys").next();
        let path = file.expect("a key").expect("a file").path();
        let kid = path.file_stem().and_then(|stem| stem.to_str());
        let der = fs::read(&path).expect("a key");
        (
            kid.expect("a name").to_owned(),
            EncodingKey::from_ed_der(&der),
        )
    }
}

fn ended(record: &SessionRecord, version: u64) -> SessionRecord {
    SessionRecord {
        version,
        ended_at: Some(Timestamp::now()),
        ..record.clone()
    }
}

fn newest(record: &SessionRecord) -> SessionRecord {
    SessionRecord {
        version: u64::MAX,
        ..record.clone()
    }
}

/// What somebody who can write to the cache can put there.
fn forgeries(auth: &Auth, id: Uuid, good: &SignedCopy) -> Vec<Vec<u8>> {
    let copy = HotCopy::decode(&good.payload).expect("a hot copy");
    let own = Ed25519KeyPair::generate().expect("a key");
    let own = EncodingKey::from_ed_der(own.to_pkcs8v1().expect("PKCS#8").as_ref());
    let (kid, ours) = auth.private_key();
    let claims = [
        newest(&copy.session),
        ended(&copy.session, 1),
        ended(&copy.session, u64::MAX),
    ];
    let mut forged = Vec::new();
    for session in claims {
        let payload = HotCopy {
            session: session.clone(),
            ..copy.clone()
        };
        let spliced = SignedCopy {
            payload: payload.encode(),
            ..good.clone()
        };
        let theirs = Uuid::now_v7();
        forged.extend([
            spliced.encode(),
            sign_copy(id, session.clone(), "no key", &own)
                .expect("signed")
                .encode(),
            sign_copy(id, session.clone(), &kid, &own)
                .expect("signed")
                .encode(),
            // A good copy of another session.
            sign_copy(theirs, session, &kid, &ours)
                .expect("signed")
                .encode(),
        ]);
    }
    forged.extend([Vec::new(), b"garbage".to_vec(), b"\xff.{}".to_vec()]);
    forged
}

#[tokio::test]
async fn a_copy_is_signed_for_its_session_for_an_hour_and_goes_before() {
    let auth = Auth::with(&[
        ("session.idle_seconds", "86400"),
        ("jwt.access_ttl_seconds", "7200"),
    ])
    .await;
    let (reader, leaver) = (auth.person("reader").await, auth.person("leaver").await);
    let machine = auth.machine(&reader, &["read"]).await;
    auth.logout(&leaver.token).await.expect("signed out");
    for id in [reader.session_id, machine.id, leaver.session_id] {
        let copy = auth.checked(id).await.expect("a good copy");
        let good_ms = copy.good_until.unix_ms() - Timestamp::now().unix_ms();
        assert!((3_500_000..=3_600_000).contains(&good_ms), "{good_ms}");
        let ttl_ms = auth.ttl_ms(id).await;
        assert!((3_400_000..=3_540_000).contains(&ttl_ms), "{ttl_ms}");
    }
    let pasted = auth.held_copy(reader.session_id).await.expect("a hot copy");
    let elsewhere = check_copy(machine.id, Ok(pasted), &auth.published().await);
    assert_eq!(elsewhere, Err(BadCopy::Forged));
}

#[tokio::test]
async fn a_planted_copy_stops_nobody_and_is_replaced_whatever_it_claims() {
    let auth = Auth::start().await;
    let (reader, bystander) = (auth.person("reader").await, auth.person("bystander").await);
    let machine = auth.machine(&reader, &["read"]).await;
    for (id, token) in [
        (reader.session_id, &reader.token),
        (machine.id, &machine.token),
    ] {
        let good = auth.held_copy(id).await.expect("a hot copy");
        let record = auth.held(id).await;
        for forged in forgeries(&auth, id, &good) {
            auth.plant(id, &forged).await;
            auth.check(token).await.expect("live");
            assert_eq!(auth.checked(id).await.ok().map(|copy| copy.session), record);
            let ttl_ms = auth.ttl_ms(id).await;
            assert!((1..=3_540_000).contains(&ttl_ms), "{ttl_ms}");
            auth.check(&bystander.token).await.expect("live");
        }
        let name = SESSION.key(id).name().to_owned();
        auth.ask_redis::<()>("DEL", &[&name]).await;
        auth.ask_redis::<()>("LPUSH", &[&name, "a list"]).await;
        auth.check(token).await.expect("live");
        assert_eq!(auth.checked(id).await.ok().map(|copy| copy.session), record);
    }
    let counted = r#"devmentor_session_copies_refused_total{reason="forged"}"#;
    assert!(auth.metric(counted).await >= 12.0);
}

#[tokio::test]
async fn an_end_is_written_over_whatever_was_planted() {
    let auth = Auth::start().await;
    let scout = auth.person("scout").await;
    let good = auth.held_copy(scout.session_id).await.expect("a hot copy");
    let count = forgeries(&auth, scout.session_id, &good).len();
    for number in 0..count {
        let reader = auth.person(&format!("reader{number}")).await;
        let good = auth.held_copy(reader.session_id).await.expect("a hot copy");
        let forged = &forgeries(&auth, reader.session_id, &good)[number];
        auth.plant(reader.session_id, forged).await;
        auth.logout(&reader.token).await.expect("signed out");
        let end = auth.checked(reader.session_id).await.expect("a good copy");
        assert!(end.session.ended_at.is_some());
        // A good copy from before, put back by way of the script or behind its back.
        assert!(!auth.put_late(reader.session_id, &good).await);
        auth.plant(reader.session_id, &good.encode()).await;
        assert_eq!(refused(auth.check(&reader.token).await), "session_ended");
    }
    auth.until_all_heard().await;
}

#[tokio::test]
async fn a_copy_that_is_good_no_more_is_replaced() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let (id, (kid, key)) = (reader.session_id, auth.private_key());
    let record = auth.held(id).await.expect("a hot copy");
    let over = HotCopy {
        kid,
        good_until: Timestamp::now(),
        session: ended(&record, u64::MAX),
    };
    let payload = over.encode();
    let input = SignedCopy::input(SESSION.key(id).name(), &payload);
    let signature = jsonwebtoken::crypto::sign(&input, &key, Algorithm::EdDSA);
    let signature = signature.expect("signed");
    let over = SignedCopy { signature, payload };
    auth.plant(id, &over.encode()).await;
    assert_eq!(auth.checked(id).await, Err(BadCopy::Over));
    auth.check(&reader.token).await.expect("live");
    assert_eq!(auth.checked(id).await.expect("good").session, record);
}

#[tokio::test]
async fn a_copy_by_a_replica_whose_key_is_new_is_kept() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let id = reader.session_id;
    let record = auth.held(id).await.expect("a hot copy");
    for number in 0..5 {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let kid = format!("of another replica {number}");
        let now_ms = Timestamp::now().unix_ms();
        let mut database = auth.database().await;
        sqlx::query("INSERT INTO signing_keys (kid, public_key, created_at, seen_at, retired) VALUES ($1, $2, $3, $3, 0)")
            .bind(&kid)
            .bind(pair.public_key().as_ref())
            .bind(now_ms)
            .execute(&mut database)
            .await
            .expect("published");
        let key = EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("PKCS#8").as_ref());
        let copy = sign_copy(id, newest(&record), &kid, &key).expect("signed");
        auth.plant(id, &copy.encode()).await;
        auth.check(&reader.token).await.expect("live");
        assert_eq!(auth.held_copy(id).await, Some(copy));
    }
}

#[tokio::test]
async fn what_an_old_key_signed_is_good_for_its_hour() {
    let mut auth = Auth::start().await;
    let (admin, reader) = (auth.admin().await, auth.person("reader").await);
    let old = auth.held_copy(reader.session_id).await.expect("a hot copy");
    let next = auth.rotate(&admin).await;
    auth.until_signed_with(&next).await;
    auth.until_number("SELECT COUNT(*) FROM signing_keys WHERE retired = 1", 1)
        .await;
    // An hour, and nearly the life of a token.
    auth.sql("UPDATE signing_keys SET seen_at = seen_at - 3890000 WHERE retired = 1")
        .await;
    // A file that goes when old keys do.
    let goes = auth.file("keys/0.pk8");
    fs::write(&goes, "").expect("written");
    auth.restart().await;
    eventually("old keys were looked at", PATIENCE, async || {
        (!goes.exists()).then_some(()).ok_or("not yet")
    })
    .await;
    assert_eq!(auth.kids().await.len(), 2);
    let checked = check_copy(reader.session_id, Ok(old.clone()), &auth.published().await);
    checked.expect("still good");
    // It is in nobody's way, and the next one is signed with the new key.
    auth.plant(reader.session_id, &old.encode()).await;
    auth.check(&reader.token).await.expect("live");
    let copy = auth.checked(reader.session_id).await.expect("a good copy");
    assert_eq!(copy.kid, next);
}
