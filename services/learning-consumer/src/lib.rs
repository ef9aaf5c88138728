//! The worker over the learning streams: each rating, interaction and reply counts once in the profile
//! of its person. It runs alone on one streams Redis; what it serves over gRPC needs the rest.

mod domain;
mod grpc;
mod learner;

use identity::Guard;
use redis_access::{CachePool, StreamsPool};
use redis_contracts::CONSUMED;
use rpc::learning::learning_service_server::LearningServiceServer;
use service_kit::{Context, Service, Stage, grpc as kit_grpc, health::Need};
use stream_worker::{Timing, Worker, consumer_name, watch};
use tokio::sync::watch;

use crate::{grpc::Learning, learner::Learner};

/// What it is called and where it listens.
pub const SERVICE: Service = Service {
    name: "learning-consumer",
    version: env!("CARGO_PKG_VERSION"),
    http_port: 8083,
    grpc_port: Some(50053),
    ops_port: 8083,
};

/// Assembles the service.
pub async fn build(mut context: Context) -> anyhow::Result<Context> {
    let streams = StreamsPool::new(&context.settings.redis.streams.access())?;
    context.keep(&streams, Need::Required);
    let guard = start_guard(&mut context)?;
    start_workers(&mut context, &streams)?;
    let totals = start_watch(&mut context, &streams);

    let learning = Learning::new(guard, streams, totals);
    let routes = kit_grpc::routes(LearningServiceServer::new(learning)).await?;
    context.serve_grpc(routes)?;
    Ok(context)
}

/// What checks who reads a profile. A worker that was given no cache Redis runs alone: it knows nobody, and
/// misses nothing.
fn start_guard(context: &mut Context) -> anyhow::Result<Option<Guard>> {
    let settings = &context.settings.redis.cache;
    if !settings.is_given() {
        return Ok(None);
    }
    let cache = CachePool::new(&settings.access())?;
    context.keep(&cache, Need::Useful);
    context.tell_health(&cache);
    Ok(Some(Guard::start(context, cache)?))
}

/// One worker per stream: a stream that is slow or stuck holds up no other.
fn start_workers(context: &mut Context, streams: &StreamsPool) -> anyhow::Result<()> {
    let consumer = consumer_name(SERVICE.name);
    for of in CONSUMED {
        let learner = Learner::new(streams.clone(), *of);
        let worker = Worker::new(
            streams.clone(),
            *of,
            consumer.clone(),
            Timing::default(),
            learner,
        )?;
        let fault = worker.fault();
        let name = of.stream.key(()).name().to_owned();
        context.health.add(name, Need::Useful, move || {
            fault.reason().map_or(Ok(()), Err)
        });
        let stop = context.supervisor.stop_of(Stage::Workers);
        context
            .supervisor
            .spawn(Stage::Workers, "consumer", async move {
                worker.run(stop).await;
                Ok(())
            });
    }
    Ok(())
}

fn start_watch(
    context: &mut Context,
    streams: &StreamsPool,
) -> watch::Receiver<Option<stream_worker::Totals>> {
    let (told, totals) = watch::channel(None);
    let stop = context.supervisor.stop_of(Stage::Workers);
    let watching = watch(streams.clone(), CONSUMED, told, stop);
    context
        .supervisor
        .spawn(Stage::Workers, "stream-watch", async move {
            watching.await;
            Ok(())
        });
    totals
}
