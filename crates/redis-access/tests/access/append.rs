//! The script that appends: each event once, in order, under its own ID, or nothing at all.

use redis_access::{AccessError, Entry};
use redis_contracts::{
    Key, LIVE_PROJECTS, PROJECT_TIMELINE, PROJECTS, Position, Streams,
    event::Event,
    keys::{OUTBOX, OUTBOX_PRODUCER_PROJECTS},
    script::{Append, append_project_events},
};
use serde_json::{Value as Json, json};
use test_kit::{Proxy, RedisServer};
use uuid::{Uuid, uuid};

use crate::{Reached, settings};

const ONE: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000001");
const TWO: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000002");

/// Positions of the tests lie in the future: nothing is trimmed for its age.
const BASE_MS: u64 = 4_000_000_000_000;

struct Log {
    reached: Reached<Streams>,
    server: RedisServer,
}

impl Log {
    async fn new() -> Self {
        let server = RedisServer::streams().await;
        let reached = Reached::at(&server.url()).await;
        Self { reached, server }
    }

    /// Appends and gives whether it was, and the position held then.
    async fn append(
        &self,
        held: Position,
        events: &[Append],
    ) -> Result<(bool, Position), AccessError> {
        let call = append_project_events(held, events);
        let (appended, held): (bool, String) = self.reached.pool.invoke(&call).await?;
        Ok((appended, held.parse().expect("a position")))
    }

    async fn entries(&self, stream: &Key<Streams, Event>) -> Vec<Entry> {
        let read = self
            .reached
            .pool
            .entries_from(stream, Position::START, 10_000);
        read.await.expect("XRANGE")
    }

    /// Positions in the stream, in the timeline of the first project, and in that of the second.
    async fn positions(&self) -> [Vec<Position>; 3] {
        let mut all = [vec![], vec![], vec![]];
        let streams = [
            PROJECTS.key(()),
            PROJECT_TIMELINE.key(ONE),
            PROJECT_TIMELINE.key(TWO),
        ];
        for (positions, stream) in all.iter_mut().zip(streams) {
            *positions = self
                .entries(&stream)
                .await
                .iter()
                .map(|entry| entry.position)
                .collect();
        }
        all
    }

    async fn held(&self) -> Option<Position> {
        let key = OUTBOX.key(OUTBOX_PRODUCER_PROJECTS);
        self.reached.pool.get(&key).await.expect("GET")
    }

    async fn run(&self, words: &[&str]) -> redis::Value {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        command
            .query_async(&mut self.server.connect().await)
            .await
            .expect("a command")
    }
}

fn at(step: u64) -> Position {
    match step {
        0 => Position::START,
        _ => Position::new(BASE_MS + step, 0),
    }
}

fn event(step: u64, project_id: Uuid) -> Append {
    Append {
        position: at(step),
        project_id,
        event: json!({"step": step, "text": "\"\u{e9}\n"}).to_string(),
        ends_timeline: false,
    }
}

#[tokio::test]
async fn events_go_to_the_stream_and_their_timeline_and_are_published_as_a_chain() {
    let log = Log::new().await;
    let mut live = log
        .reached
        .pool
        .subscribe(&LIVE_PROJECTS)
        .await
        .expect("SUBSCRIBE");
    let events = [event(1, ONE), event(2, TWO), event(3, ONE)];
    assert_eq!(
        log.append(at(0), &events[..1]).await.expect("appended"),
        (true, at(1))
    );
    assert_eq!(
        log.append(at(1), &events[1..]).await.expect("appended"),
        (true, at(3))
    );

    assert_eq!(
        log.positions().await,
        [vec![at(1), at(2), at(3)], vec![at(1), at(3)], vec![at(2)]]
    );
    assert_eq!(log.held().await, Some(at(3)));
    let stored = log.entries(&PROJECTS.key(())).await;
    for (index, wanted) in events.iter().enumerate() {
        assert_eq!(stored[index].event, wanted.event);
        let message: Json =
            serde_json::from_str(&live.next().await.expect("a message")).expect("JSON");
        let previous = index
            .checked_sub(1)
            .map_or(at(0), |index| events[index].position);
        assert_eq!(
            message,
            json!({
                "topic": format!("project:{}", wanted.project_id),
                "position": wanted.position,
                "previous": previous,
                "event": serde_json::from_str::<Json>(&wanted.event).expect("JSON"),
            })
        );
    }
    assert_eq!(live.try_next(), None);
}

#[tokio::test]
async fn a_batch_that_goes_on_from_elsewhere_is_told_what_is_held() {
    let log = Log::new().await;
    log.append(at(0), &[event(1, ONE), event(2, ONE)])
        .await
        .expect("appended");
    for elsewhere in [at(0), at(1), at(3)] {
        assert_eq!(
            log.append(elsewhere, &[event(4, ONE)])
                .await
                .expect("an answer"),
            (false, at(2))
        );
    }
    assert_eq!(log.positions().await[0], [at(1), at(2)]);
}

#[tokio::test]
async fn a_batch_sent_twice_is_appended_once() {
    let log = Log::new().await;
    let events = [event(1, ONE), event(2, TWO)];
    assert_eq!(
        log.append(at(0), &events).await.expect("appended"),
        (true, at(2))
    );
    assert_eq!(
        log.append(at(0), &events).await.expect("an answer"),
        (false, at(2))
    );
    assert_eq!(
        log.positions().await,
        [vec![at(1), at(2)], vec![at(1)], vec![at(2)]]
    );
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_appended_once() {
    let server = RedisServer::streams().await;
    let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
    let reached = Reached::at(&format!("redis://{}", wire.addr())).await;
    let log = Log { reached, server };
    // From here on the script is known and the connection open.
    log.append(at(0), &[event(1, ONE)]).await.expect("appended");

    wire.freeze_answers();
    let events = [event(2, ONE)];
    let lose_answer = async {
        let mut other = log.server.connect().await;
        test_kit::eventually("it is appended", test_kit::PATIENCE, async || {
            let length = redis::cmd("XLEN").arg(PROJECTS.key(()).name()).to_owned();
            let length: i64 = length.query_async(&mut other).await.expect("XLEN");
            if length == 2 { Ok(()) } else { Err(length) }
        })
        .await;
        wire.cut_once();
    };
    let (answer, ()) = tokio::join!(log.append(at(1), &events), lose_answer);
    match answer {
        Ok(answer) => assert_eq!(
            answer,
            (false, at(2)),
            "sent again, it is not appended again"
        ),
        // The retries may have ended before the link was back; the relay asks again then.
        Err(error) => assert!(error.is_unavailable(), "{error}"),
    }
    log.reached
        .until("up", |state| {
            matches!(state, redis_access::LinkState::Up(_))
        })
        .await;
    assert_eq!(log.positions().await[0], [at(1), at(2)]);
}

#[tokio::test]
async fn a_streams_redis_that_came_back_empty_is_refilled_under_the_same_ids() {
    let log = Log::new().await;
    let events: Vec<_> = (1..=5)
        .map(|step| event(step, if step % 2 == 0 { TWO } else { ONE }))
        .collect();
    log.append(at(0), &events).await.expect("appended");
    let before = log.positions().await;
    log.run(&["FLUSHALL"]).await;
    assert_eq!(
        log.append(at(5), &[event(6, ONE)])
            .await
            .expect("an answer"),
        (false, at(0))
    );
    assert_eq!(
        log.append(at(0), &events).await.expect("appended"),
        (true, at(5))
    );
    assert_eq!(log.positions().await, before);
}

#[tokio::test]
async fn a_streams_redis_that_lost_its_tail_is_refilled_from_there() {
    let log = Log::new().await;
    let events: Vec<_> = (1..=5).map(|step| event(step, ONE)).collect();
    log.append(at(0), &events[..2]).await.expect("appended");
    let (outbox, stream, timeline) = (
        OUTBOX.key(OUTBOX_PRODUCER_PROJECTS),
        PROJECTS.key(()),
        PROJECT_TIMELINE.key(ONE),
    );
    let names = [outbox.name(), stream.name(), timeline.name()];
    let mut dumps = Vec::new();
    for name in names {
        dumps.push(log.run(&["DUMP", name]).await);
    }
    log.append(at(2), &events[2..]).await.expect("appended");
    let before = log.positions().await;
    for (name, dump) in names.into_iter().zip(dumps) {
        let mut restore = redis::cmd("RESTORE");
        let bytes: Vec<u8> = redis::from_redis_value(dump).expect("a dump");
        restore.arg(name).arg(0).arg(bytes).arg("REPLACE");
        restore
            .exec_async(&mut log.server.connect().await)
            .await
            .expect("RESTORE");
    }
    assert_eq!(
        log.append(at(5), &[event(6, ONE)])
            .await
            .expect("an answer"),
        (false, at(2))
    );
    assert_eq!(
        log.append(at(2), &events[2..]).await.expect("appended"),
        (true, at(5))
    );
    assert_eq!(log.positions().await, before);
}

#[tokio::test]
async fn what_is_deleted_alone_is_written_anew_and_the_rest_is_not_doubled() {
    let log = Log::new().await;
    let events: Vec<_> = (1..=3).map(|step| event(step, ONE)).collect();
    log.append(at(0), &events).await.expect("appended");
    log.run(&[
        "DEL",
        PROJECTS.key(()).name(),
        OUTBOX.key(OUTBOX_PRODUCER_PROJECTS).name(),
    ])
    .await;
    assert_eq!(
        log.append(at(0), &events).await.expect("appended"),
        (true, at(3))
    );
    assert_eq!(
        log.positions().await[..2],
        [[at(1), at(2), at(3)], [at(1), at(2), at(3)]]
    );

    log.run(&["DEL", OUTBOX.key(OUTBOX_PRODUCER_PROJECTS).name()])
        .await;
    assert_eq!(
        log.append(at(3), &[event(4, ONE)]).await.expect("appended"),
        (true, at(4))
    );
}

#[tokio::test]
async fn nothing_is_written_where_something_cannot_be() {
    let log = Log::new().await;
    log.append(at(0), &[event(1, ONE)]).await.expect("appended");
    let unsorted = [event(2, ONE), event(2, TWO)];
    refused(log.append(at(1), &unsorted).await, "do not grow");
    refused(log.append(at(1), &[event(1, TWO)]).await, "do not grow");

    log.run(&["SET", PROJECT_TIMELINE.key(TWO).name(), "not a stream"])
        .await;
    refused(
        log.append(at(1), &[event(2, ONE), event(3, TWO)]).await,
        "WRONGTYPE",
    );

    log.run(&[
        "XADD",
        PROJECTS.key(()).name(),
        &at(9).to_string(),
        "event",
        "{}",
    ])
    .await;
    refused(log.append(at(1), &[event(10, ONE)]).await, "FOREIGN");
    assert_eq!(log.held().await, Some(at(1)));
    let stream = log.entries(&PROJECTS.key(())).await;
    assert_eq!(stream.len(), 2, "the first and the foreign one");
    assert_eq!(log.entries(&PROJECT_TIMELINE.key(ONE)).await.len(), 1);
}

fn refused(answer: Result<(bool, Position), AccessError>, why: &str) {
    match answer {
        Err(AccessError::Refused { message, .. }) => assert!(message.contains(why), "{message}"),
        other => panic!("expected {why}: {other:?}"),
    }
}

#[tokio::test]
async fn a_timeline_keeps_its_newest_thousand_and_the_stream_keeps_all() {
    let log = Log::new().await;
    let events: Vec<_> = (1..=1100).map(|step| event(step, ONE)).collect();
    for batch in events.chunks(100) {
        let held = at(batch[0].position.unix_ms - BASE_MS - 1);
        assert!(log.append(held, batch).await.expect("appended").0);
    }
    let [stream, timeline, _] = log.positions().await;
    assert_eq!(stream.len(), 1100);
    assert_eq!((timeline.len(), timeline[0]), (1000, at(101)));
}

#[tokio::test]
async fn entries_older_than_a_week_go() {
    let log = Log::new().await;
    let old: Vec<_> = (1..=300)
        .map(|step| Append {
            position: Position::new(step, 0),
            ..event(step, ONE)
        })
        .collect();
    assert!(log.append(Position::START, &old).await.expect("appended").0);
    assert!(
        log.append(Position::new(300, 0), &[event(1, TWO)])
            .await
            .expect("appended")
            .0
    );
    let [stream, timeline, _] = log.positions().await;
    assert!(stream.len() <= 101, "{} are left", stream.len());
    assert_eq!(stream.last(), Some(&at(1)));
    assert_eq!(timeline.len(), 300, "a timeline is bounded by number");
}

#[tokio::test]
async fn the_timeline_of_a_deleted_project_goes_after_a_week() {
    let log = Log::new().await;
    let last = Append {
        ends_timeline: true,
        ..event(2, ONE)
    };
    log.append(at(0), &[event(1, ONE), last, event(3, TWO)])
        .await
        .expect("appended");
    let week_ms = 7 * 86_400_000;
    let ttl = |value| redis::from_redis_value::<i64>(value).expect("a number");
    let ended = ttl(log.run(&["PTTL", PROJECT_TIMELINE.key(ONE).name()]).await);
    assert!((week_ms - 60_000..=week_ms).contains(&ended), "{ended}");
    for stays in [PROJECT_TIMELINE.key(TWO), PROJECTS.key(())] {
        assert_eq!(ttl(log.run(&["PTTL", stays.name()]).await), -1);
    }
}

#[tokio::test]
async fn one_append_at_a_time_wins_among_twins() {
    let log = Log::new().await;
    let twin = Reached::<Streams>::with(&settings(&log.server.url())).await;
    let events = [event(1, ONE)];
    let call = append_project_events(at(0), &events);
    let (one, two) = tokio::join!(
        log.reached.pool.invoke::<(bool, String)>(&call),
        twin.pool.invoke::<(bool, String)>(&call)
    );
    let won = [one, two].map(|answer| answer.expect("an answer").0);
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    assert_eq!(log.positions().await[0], [at(1)]);
}
