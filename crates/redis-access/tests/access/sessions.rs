//! The script that keeps hot copies of sessions: a newer copy is never replaced by an older one, and one
//! that has ended by none that is live; what was forged is replaced whatever it claims.

use std::time::Duration;

use redis_contracts::{
    Cache, HotCopy, SignedCopy, Timestamp, Value,
    keys::{SESSION, SessionRecord},
    resource::User,
    script::put_session,
};
use test_kit::RedisServer;
use uuid::Uuid;

use crate::Reached;

const HOUR: Duration = Duration::from_secs(3600);

struct Sessions {
    reached: Reached<Cache>,
    server: RedisServer,
}

impl Sessions {
    async fn new() -> Self {
        let server = RedisServer::cache().await;
        let reached = Reached::at(&server.url()).await;
        Self { reached, server }
    }

    /// Gives the better copy that is held, if there is one.
    async fn put(&self, id: Uuid, record: &SessionRecord, ttl: Duration) -> Option<Vec<u8>> {
        self.put_instead(id, record, ttl, b"").await
    }

    async fn put_instead(
        &self,
        id: Uuid,
        record: &SessionRecord,
        ttl: Duration,
        forged: &[u8],
    ) -> Option<Vec<u8>> {
        let call = put_session(id, &signed(record), record.rank(), ttl, forged);
        self.reached.pool.invoke(&call).await.expect("an answer")
    }

    async fn held(&self, id: Uuid) -> Option<SignedCopy> {
        self.reached.pool.get(&SESSION.key(id)).await.expect("GET")
    }

    async fn command<T: redis::FromRedisValue>(&self, words: &[&[u8]]) -> T {
        let mut command = redis::cmd(std::str::from_utf8(words[0]).expect("a name"));
        command.arg(&words[1..]);
        let answer = command.query_async(&mut self.server.connect().await).await;
        answer.expect("an answer")
    }

    async fn plant(&self, id: Uuid, value: &[u8]) {
        self.command::<()>(&[b"SET", SESSION.key(id).name().as_bytes(), value])
            .await;
    }
}

fn record(version: u64) -> SessionRecord {
    let now = Timestamp::from_unix_ms(1_767_225_600_000);
    SessionRecord {
        version,
        user: User {
            id: Uuid::now_v7(),
            email: "reader.of.much@example.com".to_owned(),
            handle: "reader".to_owned(),
            roles: vec!["user".to_owned()],
            email_verified: false,
            pending_email: None,
            second_factor: false,
            created_at: now,
        },
        created_at: now,
        expires_at: now.plus_seconds(60),
        last_seen: now,
        ended_at: None,
        agent: "curl/8.5".to_owned(),
        address: "127.0.0.1".to_owned(),
        machine: None,
    }
}

fn ended(record: &SessionRecord, version: u64) -> SessionRecord {
    SessionRecord {
        version,
        ended_at: Some(record.created_at),
        ..record.clone()
    }
}

/// Redis does not look at the signature.
fn signed(session: &SessionRecord) -> SignedCopy {
    let copy = HotCopy {
        kid: "a key".to_owned(),
        good_until: session.expires_at,
        session: session.clone(),
    };
    SignedCopy {
        signature: "x".repeat(86),
        payload: copy.encode(),
    }
}

#[tokio::test]
async fn a_newer_copy_wins_and_the_same_one_may_be_written_again() {
    let sessions = Sessions::new().await;
    let (id, newer) = (Uuid::now_v7(), record(2));
    let older = SessionRecord {
        version: 1,
        ..newer.clone()
    };
    assert_eq!(sessions.put(id, &newer, HOUR).await, None);
    let better = sessions.put(id, &older, HOUR).await;
    assert_eq!(better, Some(signed(&newer).encode()));
    assert_eq!(sessions.held(id).await, Some(signed(&newer)));
    assert_eq!(sessions.put(id, &newer, HOUR).await, None);
}

#[tokio::test]
async fn no_late_copy_brings_an_ended_session_back() {
    let sessions = Sessions::new().await;
    let (id, live) = (Uuid::now_v7(), record(4));
    let ended = ended(&live, 5);
    assert_eq!(sessions.put(id, &live, HOUR).await, None);
    assert_eq!(sessions.put(id, &ended, HOUR).await, None);
    assert!(sessions.put(id, &live, HOUR).await.is_some());
    assert_eq!(sessions.held(id).await, Some(signed(&ended)));
}

#[tokio::test]
async fn what_has_ended_is_never_live_again_whatever_the_versions() {
    let sessions = Sessions::new().await;
    let (id, newer) = (Uuid::now_v7(), record(9));
    let ended = |version| ended(&newer, version);
    assert_eq!(sessions.put(id, &newer, HOUR).await, None);
    // A Redis that came back with other data, or a row that was set back, is no reason to live on.
    assert_eq!(sessions.put(id, &ended(2), HOUR).await, None);
    assert!(sessions.put(id, &newer, HOUR).await.is_some());
    assert_eq!(sessions.put(id, &ended(3), HOUR).await, None);
    let older = sessions.put(id, &ended(2), HOUR).await;
    assert!(older.is_some(), "an older end");
    assert_eq!(sessions.held(id).await, Some(signed(&ended(3))));
}

#[tokio::test]
async fn what_was_forged_is_replaced_whatever_it_claims_and_nothing_else_is() {
    let sessions = Sessions::new().await;
    let good = record(3);
    for claims in [record(u64::MAX), ended(&good, 1), ended(&good, u64::MAX)] {
        let (id, forged) = (Uuid::now_v7(), signed(&claims).encode());
        sessions.plant(id, &forged).await;
        let better = sessions.put(id, &good, HOUR).await;
        assert_eq!(better.as_ref(), Some(&forged), "it is handed out");
        for _ in 0..2 {
            // The answer may be lost: sent again, it finds its own copy.
            assert_eq!(sessions.put_instead(id, &good, HOUR, &forged).await, None);
            assert_eq!(sessions.held(id).await, Some(signed(&good)));
        }
        let end = ended(&good, 4);
        assert_eq!(sessions.put(id, &end, HOUR).await, None);
        let late = sessions.put_instead(id, &good, HOUR, &forged).await;
        assert_eq!(late, Some(signed(&end).encode()), "another value by now");
    }
}

#[tokio::test]
async fn a_copy_ends_by_itself_and_no_later_than_it_is_good() {
    let sessions = Sessions::new().await;
    for (ttl, most_ms) in [
        (Duration::from_secs(60), 60_000),
        (HOUR, 3_540_000),
        (Duration::MAX, 3_540_000),
    ] {
        let id = Uuid::now_v7();
        sessions.put(id, &record(1), ttl).await;
        let name = SESSION.key(id).name().to_owned();
        let ttl_ms: i64 = sessions.command(&[b"PTTL", name.as_bytes()]).await;
        assert!((most_ms - 10_000..=most_ms).contains(&ttl_ms), "{ttl_ms}");
    }
}

#[tokio::test]
async fn junk_in_the_way_is_replaced() {
    let sessions = Sessions::new().await;
    let record = record(1);
    let deep = format!(r#"x.{{"session":{}"#, "[".repeat(5000));
    for junk in [
        "",
        "null",
        "x",
        "x.",
        "x.null",
        "x.[1]",
        "x.7",
        r#"x."session""#,
        r#"x.{"session":7}"#,
        r#"x.{"session":null}"#,
        r#"x.{"session":"version"}"#,
        r#"x.{"session":{"version":"x"}}"#,
        r#"x.{"session":{"version":{},"ended_at":"2026-01-01T00:00:00Z"}}"#,
        r#"{"version":99,"ended_at":"2026-01-01T00:00:00.000Z"}"#,
        "\0.\0",
        &deep,
    ] {
        let id = Uuid::now_v7();
        sessions.plant(id, junk.as_bytes()).await;
        assert_eq!(sessions.put(id, &record, HOUR).await, None, "{junk}");
        assert_eq!(sessions.held(id).await, Some(signed(&record)));
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_replaced() {
    let sessions = Sessions::new().await;
    let (id, record) = (Uuid::now_v7(), record(1));
    let name = SESSION.key(id).name().to_owned();
    let pushed: i64 = sessions.command(&[b"LPUSH", name.as_bytes(), b"x"]).await;
    assert_eq!(pushed, 1);
    assert_eq!(sessions.put(id, &record, HOUR).await, None);
    assert_eq!(sessions.held(id).await, Some(signed(&record)));
}
