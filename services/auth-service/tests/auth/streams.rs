//! Security events on their way to the streams Redis: each once, in order, under the position SQL gave
//! it, whatever dies on the way.

use redis::{AsyncCommands, streams::StreamRangeReply};
use redis_contracts::{AUTH_EVENTS, EVENT_FIELD, Position, Timestamp};
use sqlx::{Connection, Row};
use test_kit::{PATIENCE, RedisServer, eventually};

use super::{ADMIN_EMAIL, Auth, PASSWORD, email_of};

/// Position and event.
type Entries = Vec<(String, String)>;

impl Auth {
    async fn with_streams(streams: &RedisServer) -> Self {
        Self::with(&[("redis.streams.url", &streams.url())]).await
    }

    /// What SQL holds.
    async fn recorded(&self) -> Entries {
        let mut database = self.database().await;
        let rows = sqlx::query("SELECT position, event FROM events ORDER BY position")
            .fetch_all(&mut database)
            .await
            .expect("events");
        database.close().await.expect("closed");
        let entry = |row: &sqlx::any::AnyRow| {
            let position = Position::from_packed(row.get("position"));
            (position.to_string(), row.get("event"))
        };
        rows.iter().map(entry).collect()
    }

    /// Waits until the stream is what SQL holds.
    pub(super) async fn until_told(&self, streams: &RedisServer) -> Entries {
        eventually("the stream holds what SQL holds", PATIENCE, async || {
            let (told, recorded) = (told(streams).await, self.recorded().await);
            match told == recorded {
                true => Ok(told),
                false => Err(format!("{} of {}", told.len(), recorded.len())),
            }
        })
        .await
    }
}

/// What the stream holds.
async fn told(streams: &RedisServer) -> Entries {
    let stream = AUTH_EVENTS.key(());
    let mut connection = streams.connect().await;
    let range: StreamRangeReply = connection.xrange_all(stream.name()).await.expect("XRANGE");
    let entry = |entry: redis::streams::StreamId| {
        let event: String = entry.get(EVENT_FIELD).expect("an event");
        (entry.id, event)
    };
    range.ids.into_iter().map(entry).collect()
}

#[tokio::test]
async fn what_happened_while_the_streams_redis_was_away_is_told_when_it_comes() {
    let mut streams = RedisServer::streams().await;
    streams.kill();
    let auth = Auth::with_streams(&streams).await;
    auth.person("reader").await;
    streams.restart().await;
    let told = auth.until_told(&streams).await;
    assert_eq!(
        told.len(),
        3,
        "the admin's account, the reader's, and a sign-in: {told:?}"
    );
    streams.kill();
    auth.sign_in(&email_of("reader")).await;
    streams.restart().await;
    auth.sign_in(&email_of("reader")).await;
    assert_eq!(auth.until_told(&streams).await.len(), 5);
}

#[tokio::test]
async fn a_crash_before_they_are_told_loses_none_and_repeats_none() {
    let mut streams = RedisServer::streams().await;
    let mut auth = Auth::with_streams(&streams).await;
    auth.until_told(&streams).await;
    streams.kill();
    auth.person("reader").await;
    auth.process.kill();
    streams.restart().await;
    auth.restart().await;
    auth.until_told(&streams).await;
    // Killed while it is telling.
    for _ in 0..3 {
        auth.sign_in(ADMIN_EMAIL).await;
        auth.restart().await;
    }
    let told = auth.until_told(&streams).await;
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(told.is_sorted_by_key(|(id, _)| id.parse::<Position>().expect("a position")));
}

#[tokio::test]
async fn a_stream_that_was_lost_is_filled_again() {
    let mut streams = RedisServer::streams().await;
    let auth = Auth::with_streams(&streams).await;
    auth.person("reader").await;
    let before = auth.until_told(&streams).await;
    streams.kill();
    streams.wipe();
    streams.restart().await;
    assert_eq!(auth.until_told(&streams).await, before);
    auth.login(ADMIN_EMAIL, PASSWORD).await.expect("signed in");
    assert_eq!(auth.until_told(&streams).await.len(), before.len() + 1);
}

#[tokio::test]
async fn events_are_a_day_in_the_stream_and_four_hundred_days_in_sql() {
    let streams = RedisServer::streams().await;
    let mut auth = Auth::with_streams(&streams).await;
    auth.person("reader").await;
    auth.until_told(&streams).await;
    auth.process.kill();
    let now_ms = Timestamp::now().unix_ms().unsigned_abs();
    let aged = |hours: u64| Position::new(now_ms - hours * 3_600_000, 0);
    let [gone, kept, yesterday, today] = [401 * 24, 399 * 24, 25, 23].map(aged);
    let mut database = auth.database().await;
    for position in [gone, kept, yesterday, today] {
        sqlx::query(
            "INSERT INTO events (position, type, time, user_id, event)
             SELECT $1, type, time, user_id, event FROM events WHERE user_id IS NOT NULL ORDER BY position DESC LIMIT 1",
        )
        .bind(position.packed())
        .execute(&mut database)
        .await
        .expect("an event");
    }
    database.close().await.expect("closed");
    let mut redis = streams.connect().await;
    let emptied = redis::cmd("FLUSHALL").exec_async(&mut redis).await;
    emptied.expect("FLUSHALL");
    auth.restart().await;
    let newest = auth.recorded().await.pop().expect("an event");
    let held = eventually("the stream is filled", PATIENCE, async || {
        let told = told(&streams).await;
        match told.last() == Some(&newest) {
            true => Ok(told),
            false => Err(told.len()),
        }
    })
    .await;
    assert_eq!(held[0].0, today.to_string(), "none older than a day");
    eventually(
        "SQL has what is younger than 400 days",
        PATIENCE,
        async || {
            let oldest = auth.recorded().await.remove(0).0;
            (oldest == kept.to_string()).then_some(()).ok_or(oldest)
        },
    )
    .await;
    let recorded = auth.recorded().await;
    let positions = recorded.iter().map(|(position, _)| position.as_str());
    assert!(
        positions
            .take(3)
            .eq([kept, yesterday, today].map(|at| at.to_string()))
    );
}
