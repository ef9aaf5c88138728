//! Consumers of a group, with the least that can be done with its entries.

use std::time::Duration;

use redis::Commands as _;
use redis_access::{AccessError, RedisSettings, StreamsPool};
use redis_contracts::{Consumed, FEEDBACK, LEARNING_GROUP};
use stream_worker::{Delivery, Handler, Outcome, Timing, Worker, consumer_name};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Entries read at once, as many as a worker reads.
const COUNT: usize = 500;

/// How long a read waits.
const BLOCK: Duration = Duration::from_millis(500);

/// What a read answers; fields are not looked at.
pub(super) type Entries<F> = Option<Vec<(String, Vec<(String, F)>)>>;

/// Reads and acknowledges, one after the other, over one connection.
pub(super) fn bare(redis_url: &str) -> anyhow::Result<()> {
    let stream = FEEDBACK.key(());
    let stream = stream.name();
    let mut redis = redis::Client::open(redis_url)?.get_connection()?;
    let () = redis.xgroup_create_mkstream(stream, LEARNING_GROUP, "0")?;
    let read = read_command(stream, LEARNING_GROUP);
    loop {
        let entries: Entries<redis::Value> = read.query(&mut redis)?;
        for (_, entries) in entries.unwrap_or_default() {
            let ids: Vec<_> = entries.into_iter().map(|(id, _)| id).collect();
            let _: usize = redis.xack(stream, LEARNING_GROUP, &ids)?;
        }
    }
}

/// Reads what nobody was given yet.
pub(super) fn read_command(stream: &str, group: &str) -> redis::Cmd {
    let mut read = redis::cmd("XREADGROUP");
    read.arg("GROUP").arg(group).arg("bench");
    read.arg("COUNT").arg(COUNT);
    read.arg("BLOCK").arg(BLOCK.as_millis() as u64);
    read.arg("STREAMS").arg(stream).arg(">");
    read
}

struct NoOp;

impl Handler for NoOp {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Outcome>, AccessError> {
        Ok(vec![Outcome::Done; batch.len()])
    }
}

/// A worker on a runtime of its own, with a thread for each core, as services have.
pub(super) async fn no_op(redis_url: String) -> anyhow::Result<()> {
    let streams = StreamsPool::new(&RedisSettings::new(redis_url))?;
    let of = Consumed {
        stream: &FEEDBACK,
        group: LEARNING_GROUP,
    };
    let consumer = consumer_name("no-op");
    let worker = Worker::new(streams.clone(), of, consumer, Timing::default(), NoOp)?;
    let runtime = Runtime::new()?;
    let stop = CancellationToken::new();
    let (linked, stopped) = (stop.clone(), stop);
    runtime.spawn(async move { streams.keep_link(linked).await });
    Ok(runtime.spawn(worker.run(stopped)).await?)
}
