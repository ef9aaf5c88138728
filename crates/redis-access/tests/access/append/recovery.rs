//! Lost answers and lost data.

use redis_contracts::{
    FEEDBACK, LEARNING_GROUP, PROJECT_TIMELINE, PROJECTS, Position,
    keys::{OUTBOX, OUTBOX_PRODUCER_PROJECTS},
    script::{AppendReply, repair_log, repair_stream},
};
use test_kit::{Proxy, RedisServer};

use super::{Log, ONE, TWO, at, event};
use crate::Reached;

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
async fn what_an_operator_appended_is_taken_out_and_the_log_goes_on() {
    let log = Log::new().await;
    log.append(at(0), &[event(1, ONE)]).await.expect("appended");
    let stream = PROJECTS.key(());
    let largest = format!("{0}-{0}", u64::MAX);
    for id in [at(5).to_string(), at(6).to_string(), largest] {
        log.run(&["XADD", stream.name(), &id, "event", "{\"by\":\"hand\"}"])
            .await;
    }
    let last = Position::new(u64::MAX, u64::MAX);
    assert_eq!(
        log.answer(at(1), &[event(2, ONE)])
            .await
            .expect("an answer"),
        AppendReply::InTheWay(last)
    );

    let repair = repair_log(&PROJECTS, OUTBOX_PRODUCER_PROJECTS, at(1));
    let pool = &log.reached.pool;
    let repaired: (u64, bool) = pool.invoke(&repair).await.expect("repaired");
    assert_eq!(repaired, (3, true));
    let again: (u64, bool) = pool.invoke(&repair).await.expect("repaired");
    assert_eq!(again, (0, true));
    assert_eq!(
        log.append(at(1), &[event(2, ONE)]).await.expect("appended"),
        (true, at(2))
    );
    assert_eq!(log.positions().await[0], [at(1), at(2)]);
    let letters = pool.dead_letters(stream.name(), None, 10).await;
    let letters = letters.expect("dead letters");
    assert_eq!(letters.len(), 3);
    assert_eq!(letters[2].1.source_id, at(5).to_string());
    assert_eq!(letters[2].1.event, "{\"by\":\"hand\"}");
}

#[tokio::test]
async fn a_late_repair_leaves_what_another_process_has_appended_since() {
    let log = Log::new().await;
    log.append(at(0), &[event(1, ONE)]).await.expect("appended");
    let stream = PROJECTS.key(());
    log.run(&["XADD", stream.name(), &at(5).to_string(), "event", "{}"])
        .await;
    // Two found it in the way; the first repairs and goes on.
    let repair = repair_log(&PROJECTS, OUTBOX_PRODUCER_PROJECTS, at(1));
    let pool = &log.reached.pool;
    let first: (u64, bool) = pool.invoke(&repair).await.expect("repaired");
    log.append(at(1), &[event(2, ONE)]).await.expect("appended");
    let second: (u64, bool) = pool.invoke(&repair).await.expect("repaired");
    assert_eq!((first, second), ((1, true), (0, true)));
    assert_eq!(log.positions().await[0], [at(1), at(2)]);
    assert_eq!(log.held().await, Some(at(2)));
}

#[tokio::test]
async fn an_outbox_that_was_set_back_is_put_right_and_a_log_with_nothing_of_its_own_begins_anew() {
    let log = Log::new().await;
    let events: Vec<_> = (1..=3).map(|step| event(step, ONE)).collect();
    log.append(at(0), &events).await.expect("appended");
    let (outbox, stream) = (OUTBOX.key(OUTBOX_PRODUCER_PROJECTS), PROJECTS.key(()));
    log.run(&["SET", outbox.name(), &at(1).to_string()]).await;
    // A dead letter needs a stream, whatever stands there.
    log.run(&["SET", &format!("dlq:{}", stream.name()), "by mistake"])
        .await;
    let pool = &log.reached.pool;
    let repair = async |highest| -> (u64, bool) {
        let call = repair_log(&PROJECTS, OUTBOX_PRODUCER_PROJECTS, highest);
        pool.invoke(&call).await.expect("repaired")
    };
    assert_eq!(repair(at(3)).await, (0, true));
    assert_eq!(log.held().await, Some(at(3)));

    log.run(&["DEL", outbox.name(), stream.name()]).await;
    log.run(&["XADD", stream.name(), &at(5).to_string(), "event", "{}"])
        .await;
    assert_eq!(repair(at(3)).await, (1, true));
    assert_eq!(
        log.append(at(0), &events).await.expect("appended"),
        (true, at(3))
    );
}

#[tokio::test]
async fn what_is_no_stream_goes_and_a_stream_that_is_one_stays() {
    let log = Log::new().await;
    let stream = PROJECTS.key(());
    let highest = Position::new(u64::MAX, 0);
    let repair = repair_log(&PROJECTS, OUTBOX_PRODUCER_PROJECTS, highest);
    let pool = &log.reached.pool;
    log.run(&["SET", stream.name(), "by mistake"]).await;
    pool.invoke::<(u64, bool)>(&repair).await.expect("repaired");
    log.append(at(0), &[event(1, ONE)]).await.expect("appended");
    let repaired: (u64, bool) = pool.invoke(&repair).await.expect("repaired");
    assert_eq!(repaired, (0, true));
    assert_eq!(log.positions().await[0], [at(1)]);
}

#[tokio::test]
async fn a_stream_of_redis_own_ids_goes_on_for_its_group_after_one_from_the_future() {
    let log = Log::new().await;
    let stream = FEEDBACK.key(());
    let largest = format!("{0}-{0}", u64::MAX);
    log.run(&["XADD", stream.name(), "*", "event", "one"]).await;
    log.run(&["XADD", stream.name(), &largest, "other", "two"])
        .await;
    log.run(&["XGROUP", "CREATE", stream.name(), LEARNING_GROUP, "0"])
        .await;
    let read = ["XREADGROUP", "GROUP", LEARNING_GROUP, "reader", "STREAMS"];
    let read = [&read[..], &[stream.name(), ">"]].concat();
    log.run(&read).await;

    let repair = repair_stream(&FEEDBACK);
    let pool = &log.reached.pool;
    let repaired: (u64, bool) = pool.invoke(&repair).await.expect("repaired");
    assert_eq!(repaired, (1, true));
    log.run(&["XADD", stream.name(), "*", "event", "three"])
        .await;
    let delivered = format!("{:?}", log.run(&read).await);
    assert!(delivered.contains("three"), "{delivered}");
    let report = pool.describe(stream.name()).await.expect("XINFO");
    let report = report.expect("a stream");
    assert_eq!((report.length, report.groups[0].pending), (2, 2));
}

#[tokio::test]
async fn a_group_that_seems_to_have_read_the_future_reads_all_again() {
    let log = Log::new().await;
    let stream = FEEDBACK.key(());
    log.run(&["XADD", stream.name(), "*", "event", "one"]).await;
    let largest = format!("{0}-{0}", u64::MAX);
    log.run(&["XGROUP", "CREATE", stream.name(), LEARNING_GROUP, &largest])
        .await;
    let repaired: (u64, bool) = log
        .reached
        .pool
        .invoke(&repair_stream(&FEEDBACK))
        .await
        .expect("repaired");
    assert_eq!(repaired, (0, true));
    let read = ["XREADGROUP", "GROUP", LEARNING_GROUP, "reader", "STREAMS"];
    let delivered = log.run(&[&read[..], &[stream.name(), ">"]].concat()).await;
    assert!(format!("{delivered:?}").contains("one"), "{delivered:?}");
}
