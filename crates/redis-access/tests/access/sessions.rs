//! The script that keeps hot copies of sessions: a newer copy is never replaced by an older one, and one
//! that has ended by none that is live.

use std::time::Duration;

use redis_contracts::{
    Cache, Timestamp,
    keys::{MachineAccess, SESSION, SessionRecord, USER_SESSIONS},
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
    user: Uuid,
}

impl Sessions {
    async fn new() -> Self {
        let server = RedisServer::cache().await;
        let reached = Reached::at(&server.url()).await;
        let user = Uuid::now_v7();
        Self {
            reached,
            server,
            user,
        }
    }

    fn record(&self, version: u64, ends_in_seconds: u64) -> SessionRecord {
        let now = Timestamp::now();
        SessionRecord {
            version,
            user: User {
                id: self.user,
                email: "reader@example.com".to_owned(),
                handle: "reader".to_owned(),
                roles: vec!["user".to_owned()],
                email_verified: false,
                pending_email: None,
                second_factor: false,
                created_at: now,
            },
            created_at: now,
            expires_at: now.plus_seconds(ends_in_seconds),
            last_seen: now,
            ended_at: None,
            agent: String::new(),
            address: String::new(),
            machine: None,
        }
    }

    async fn put(&self, id: Uuid, record: &SessionRecord, ttl: Duration) -> bool {
        self.reached
            .pool
            .invoke(&put_session(id, record, ttl))
            .await
            .expect("an answer")
    }

    async fn held(&self, id: Uuid) -> Option<SessionRecord> {
        self.reached.pool.get(&SESSION.key(id)).await.expect("GET")
    }

    async fn index(&self) -> Vec<String> {
        let name = USER_SESSIONS.key(self.user).name().to_owned();
        let members = redis::cmd("ZRANGE").arg(name).arg(0).arg(-1).to_owned();
        members
            .query_async(&mut self.server.connect().await)
            .await
            .expect("ZRANGE")
    }

    async fn ttl_ms(&self, name: &str) -> i64 {
        let ttl = redis::cmd("PTTL").arg(name).to_owned();
        ttl.query_async(&mut self.server.connect().await)
            .await
            .expect("PTTL")
    }
}

#[tokio::test]
async fn a_newer_copy_wins_and_the_same_one_may_be_written_again() {
    let sessions = Sessions::new().await;
    let id = Uuid::now_v7();
    let (older, newer) = (sessions.record(1, 60), sessions.record(2, 60));
    assert!(sessions.put(id, &newer, HOUR).await);
    assert!(!sessions.put(id, &older, HOUR).await);
    assert_eq!(sessions.held(id).await, Some(newer.clone()));
    assert!(sessions.put(id, &newer, HOUR).await);
}

#[tokio::test]
async fn no_late_copy_brings_an_ended_session_back() {
    let sessions = Sessions::new().await;
    let id = Uuid::now_v7();
    let live = sessions.record(4, 60);
    let ended = SessionRecord {
        version: 5,
        ended_at: Some(Timestamp::now()),
        ..live.clone()
    };
    assert!(sessions.put(id, &live, HOUR).await);
    assert_eq!(sessions.index().await, [id.to_string()]);
    assert!(sessions.put(id, &ended, HOUR).await);
    assert!(!sessions.put(id, &live, HOUR).await);
    assert_eq!(sessions.held(id).await, Some(ended));
    assert!(sessions.index().await.is_empty());
}

#[tokio::test]
async fn what_has_ended_is_never_live_again_whatever_the_versions() {
    let sessions = Sessions::new().await;
    let id = Uuid::now_v7();
    let newer = sessions.record(9, 60);
    let ended = |version| SessionRecord {
        version,
        ended_at: Some(newer.created_at),
        ..newer.clone()
    };
    assert!(sessions.put(id, &newer, HOUR).await);
    // A Redis that came back with other data, or a row that was set back, is no reason to live on.
    assert!(sessions.put(id, &ended(2), HOUR).await);
    assert!(!sessions.put(id, &newer, HOUR).await);
    assert!(sessions.put(id, &ended(3), HOUR).await);
    assert!(!sessions.put(id, &ended(2), HOUR).await, "an older end");
    assert_eq!(sessions.held(id).await, Some(ended(3)));
    assert!(sessions.index().await.is_empty());
}

#[tokio::test]
async fn a_machine_token_is_not_among_the_sessions() {
    let sessions = Sessions::new().await;
    let (id, token) = (Uuid::now_v7(), Uuid::now_v7());
    let machine = SessionRecord {
        machine: Some(MachineAccess {
            sha256: String::new(),
            scopes: Vec::new(),
        }),
        ..sessions.record(1, 250_000_000_000)
    };
    assert!(sessions.put(token, &machine, HOUR).await);
    assert!(sessions.put(id, &sessions.record(1, 60), HOUR).await);
    assert_eq!(sessions.held(token).await, Some(machine));
    assert_eq!(sessions.index().await, [id.to_string()]);
}

#[tokio::test]
async fn copy_and_index_end_by_themselves() {
    let sessions = Sessions::new().await;
    let (short, long, over) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    sessions.put(over, &sessions.record(1, 0), HOUR).await;
    sessions.put(long, &sessions.record(1, 7200), HOUR).await;
    sessions
        .put(short, &sessions.record(1, 60), Duration::from_secs(60))
        .await;
    assert_eq!(
        sessions.index().await,
        [short.to_string(), long.to_string()],
        "what is over is taken out"
    );
    let copy_ms = sessions.ttl_ms(SESSION.key(short).name()).await;
    assert!((50_000..=60_000).contains(&copy_ms), "{copy_ms}");
    let index_ms = sessions
        .ttl_ms(USER_SESSIONS.key(sessions.user).name())
        .await;
    assert!(
        (7_190_000..=7_200_000).contains(&index_ms),
        "as long as its longest: {index_ms}"
    );
}

#[tokio::test]
async fn junk_in_the_way_is_replaced() {
    let sessions = Sessions::new().await;
    let id = Uuid::now_v7();
    for junk in ["", "null", "[1]", "{\"version\":\"x\"}", "7"] {
        let set = redis::cmd("SET")
            .arg(SESSION.key(id).name())
            .arg(junk)
            .to_owned();
        set.exec_async(&mut sessions.server.connect().await)
            .await
            .expect("SET");
        let record = sessions.record(1, 60);
        assert!(sessions.put(id, &record, HOUR).await, "{junk}");
        assert_eq!(sessions.held(id).await, Some(record));
    }
}
