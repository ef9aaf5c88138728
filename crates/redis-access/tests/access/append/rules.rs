//! What is appended, what is refused, and how much is kept.

use redis_access::{AccessError, RedisSettings};
use redis_contracts::{
    LIVE_PROJECTS, PROJECT_TIMELINE, PROJECTS, Position, Streams,
    keys::{OUTBOX, OUTBOX_PRODUCER_PROJECTS},
    script::{Append, AppendReply, Hearing, append_project_events},
};
use serde_json::{Value as Json, json};
use test_kit::{PATIENCE, eventually};

use super::{BASE_MS, Log, ONE, TWO, at, event};
use crate::Reached;

#[tokio::test]
async fn events_go_to_the_stream_and_their_timeline_and_are_published_as_a_chain() {
    let log = Log::new().await;
    let mut live = log
        .reached
        .pool
        .subscribe(&[&LIVE_PROJECTS])
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
async fn nothing_is_written_where_something_cannot_be() {
    let log = Log::new().await;
    log.append(at(0), &[event(1, ONE)]).await.expect("appended");
    let unsorted = [event(2, ONE), event(2, TWO)];
    refused(log.append(at(1), &unsorted).await, "do not grow");
    refused(log.append(at(1), &[event(1, TWO)]).await, "do not grow");

    let junk = [PROJECTS.key(()).name().to_owned(), at(9).to_string()];
    log.run(&["XADD", &junk[0], &junk[1], "event", "{}"]).await;
    for step in [8, 9] {
        let answer = log.answer(at(1), &[event(step, ONE)]).await;
        assert_eq!(answer.expect("an answer"), AppendReply::InTheWay(at(9)));
    }
    assert_eq!(log.held().await, Some(at(1)));
    let stream = log.entries(&PROJECTS.key(())).await;
    assert_eq!(stream.len(), 2, "the first and the foreign one");
    assert_eq!(log.entries(&PROJECT_TIMELINE.key(ONE)).await.len(), 1);
    assert_eq!(
        log.append(at(1), &[event(10, ONE)])
            .await
            .expect("appended"),
        (true, at(10)),
        "what does not stand in the way stops nothing"
    );
}

#[tokio::test]
async fn a_timeline_that_an_operator_broke_begins_anew_with_what_follows() {
    let log = Log::new().await;
    log.append(at(0), &[event(1, ONE)]).await.expect("appended");
    let [one, two] = [ONE, TWO].map(|project| PROJECT_TIMELINE.key(project));
    log.run(&["SET", two.name(), "not a stream"]).await;
    log.run(&["XADD", one.name(), &at(9).to_string(), "event", "{}"])
        .await;
    let events = [event(2, ONE), event(3, TWO), event(4, ONE)];
    log.append(at(1), &events).await.expect("appended");
    assert_eq!(
        log.positions().await,
        [
            vec![at(1), at(2), at(3), at(4)],
            vec![at(2), at(4)],
            vec![at(3)]
        ],
        "none of them has a hole"
    );
}

#[tokio::test]
async fn an_outbox_that_holds_no_position_is_as_good_as_none() {
    let log = Log::new().await;
    log.append(at(0), &[event(1, ONE)]).await.expect("appended");
    let outbox = OUTBOX.key(OUTBOX_PRODUCER_PROJECTS);
    let slips = [
        ("SET", "nonsense".to_owned()),
        ("LPUSH", "nonsense".to_owned()),
        ("SET", format!("0{}", at(1))),
        ("SET", "99999999999999999999-0".to_owned()),
        ("SET", format!("{0}-{0}", u64::MAX)),
        // The stream does not reach as far.
        ("SET", at(1000).to_string()),
    ];
    for (step, (command, value)) in (1..).zip(&slips) {
        log.run(&["DEL", outbox.name()]).await;
        log.run(&[command, outbox.name(), value]).await;
        let answer = log.append(at(step), &[event(step + 1, ONE)]).await;
        assert_eq!(answer.expect("appended"), (true, at(step + 1)), "{value}");
    }
    assert_eq!(log.held().await, Some(at(slips.len() as u64 + 1)));
}

/// The budget of the stream, for a test that fills it.
const BUDGET: usize = 24 << 20;

#[tokio::test]
async fn the_stream_stays_within_its_bytes_whatever_is_small_and_whatever_is_large() {
    let log = Log::new().await;
    let mut step = 0;
    // The oldest are small, so that a guess from the first nodes would be far too low.
    for (events, bytes) in [
        (20_000, 200),
        (4_000, 12_000),
        (20_000, 200),
        (4_000, 12_000),
    ] {
        for _ in 0..events / 100 {
            let batch: Vec<_> = (0..100)
                .map(|index| Append {
                    event: json!({"text": "x".repeat(bytes)}).to_string(),
                    ..event(step + index + 1, ONE)
                })
                .collect();
            let mut call = append_project_events(at(step), &batch, Hearing::Quiet);
            call.args[3] = BUDGET.to_string().into_bytes();
            let appended: (bool, String) = log.reached.pool.invoke(&call).await.expect("appended");
            assert!(appended.0);
            step += 100;
        }
    }
    let stream = PROJECTS.key(());
    let used = log
        .run(&["MEMORY", "USAGE", stream.name(), "SAMPLES", "0"])
        .await;
    let used: usize = redis::from_redis_value(used).expect("a number");
    let between_looks = 8 << 20;
    assert!(used < BUDGET + 2 * between_looks, "{used} bytes");
    assert!(used > BUDGET / 2, "{used} bytes");
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
async fn a_timeline_goes_a_week_after_its_last_entry() {
    let log = Log::new().await;
    log.append(at(0), &[event(1, ONE)]).await.expect("appended");
    let (week_ms, timeline) = (7 * 86_400_000, PROJECT_TIMELINE.key(ONE));
    let ttl = |value| redis::from_redis_value::<i64>(value).expect("a number");
    log.run(&["PEXPIRE", timeline.name(), "1000000"]).await;
    log.append(at(1), &[event(2, ONE)]).await.expect("appended");
    let left = ttl(log.run(&["PTTL", timeline.name()]).await);
    assert!((week_ms - 60_000..=week_ms).contains(&left), "{left}");
    assert_eq!(ttl(log.run(&["PTTL", PROJECTS.key(()).name()]).await), -1);
}

#[tokio::test]
async fn a_timeline_of_large_events_is_bounded_in_bytes() {
    let log = Log::new().await;
    let large = |step| Append {
        event: json!({"text": "x".repeat(16_000)}).to_string(),
        ..event(step, ONE)
    };
    for held in 0..300 {
        log.append(at(held), &[large(held + 1)])
            .await
            .expect("appended");
    }
    let timeline = PROJECT_TIMELINE.key(ONE);
    let used = log
        .run(&["MEMORY", "USAGE", timeline.name(), "SAMPLES", "0"])
        .await;
    let used: u64 = redis::from_redis_value(used).expect("a number");
    assert!((1 << 20..3 << 20).contains(&used), "{used} bytes");
    let [stream, timeline, _] = log.positions().await;
    assert_eq!((stream.len(), timeline.last()), (300, Some(&at(300))));
}

#[tokio::test]
async fn what_is_history_is_appended_and_not_published() {
    let log = Log::new().await;
    let pool = &log.reached.pool;
    let mut live = pool.subscribe(&[&LIVE_PROJECTS]).await.expect("SUBSCRIBE");
    let quiet = append_project_events(at(0), &[event(1, ONE)], Hearing::Quiet);
    pool.invoke::<(bool, String)>(&quiet)
        .await
        .expect("appended");
    log.append(at(1), &[event(2, ONE)]).await.expect("appended");
    let message: Json = serde_json::from_str(&live.next().await.expect("a message")).expect("JSON");
    assert_eq!(
        (&message["previous"], &message["position"]),
        (&json!(at(1)), &json!(at(2)))
    );
}

#[tokio::test]
async fn a_full_redis_takes_nothing_and_heals_by_itself_once_there_is_something_to_trim() {
    let log = Log::new().await;
    let old = Append {
        position: Position::new(1, 0),
        event: json!({"text": "x".repeat(2_000_000)}).to_string(),
        ..event(1, ONE)
    };
    log.append(Position::START, &[old]).await.expect("appended");
    log.run(&["DEL", PROJECT_TIMELINE.key(ONE).name()]).await;
    log.run(&["CONFIG", "SET", "maxmemory", "3000000"]).await;
    let held = Position::new(1, 0);
    let full = log.append(held, &[event(1, ONE)]).await;
    assert!(full.expect_err("full").is_unavailable());
    // Redis also has to give back the buffer that the large event came in.
    let grown = eventually("there is room", PATIENCE, async || {
        log.append(held, &[event(1, ONE)]).await
    });
    assert_eq!(grown.await, (true, at(1)));

    log.run(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let before = log.positions().await;
    for _ in 0..5 {
        let full = log.append(at(1), &[event(2, ONE), event(3, TWO)]).await;
        assert!(full.expect_err("full").is_unavailable());
    }
    assert_eq!(
        (log.positions().await, log.held().await),
        (before, Some(at(1)))
    );
}

#[tokio::test]
async fn a_deleted_entry_at_the_top_of_a_timeline_stops_nothing() {
    let log = Log::new().await;
    let events = [event(1, ONE), event(2, ONE)];
    log.append(at(0), &events).await.expect("appended");
    let (timeline, stream) = (PROJECT_TIMELINE.key(ONE), PROJECTS.key(()));
    log.run(&["XDEL", timeline.name(), &at(2).to_string()])
        .await;
    log.run(&[
        "DEL",
        stream.name(),
        OUTBOX.key(OUTBOX_PRODUCER_PROJECTS).name(),
    ])
    .await;
    assert_eq!(
        log.append(at(0), &events).await.expect("appended"),
        (true, at(2))
    );
    assert_eq!(
        log.append(at(2), &[event(3, ONE)]).await.expect("appended"),
        (true, at(3))
    );
}

#[tokio::test]
async fn one_append_at_a_time_wins_among_twins() {
    let log = Log::new().await;
    let twin = Reached::<Streams>::with(&RedisSettings::new(log.server.url())).await;
    let events = [event(1, ONE)];
    let call = append_project_events(at(0), &events, Hearing::Live);
    let (one, two) = tokio::join!(
        log.reached.pool.invoke::<(bool, String)>(&call),
        twin.pool.invoke::<(bool, String)>(&call)
    );
    let won = [one, two].map(|answer| answer.expect("an answer").0);
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    assert_eq!(log.positions().await[0], [at(1)]);
}
