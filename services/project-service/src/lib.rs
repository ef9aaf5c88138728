//! Projects, tasks and comments; the event log and its relay.

mod domain;
mod grpc;
mod relay;
mod store;

use std::{
    sync::{Arc, LazyLock, atomic::Ordering},
    time::Duration,
};

use prometheus::{IntGauge, register_int_gauge};
use redis_access::{CachePool, StreamsPool};
use rpc::project::project_service_server::ProjectServiceServer;
use secrecy::ExposeSecret;
use service_kit::{
    Context, Service, Stage, grpc as kit_grpc, health::Need, identity::Guard, sqlite::Sqlite,
};
use tokio_util::sync::CancellationToken;

use crate::{
    grpc::Projects,
    relay::Relay,
    store::{Committed, MIGRATIONS, Store, Writer, forget_old_answers, write_until},
};

/// What it is called and where it listens.
pub const SERVICE: Service = Service {
    name: "project-service",
    version: env!("CARGO_PKG_VERSION"),
    http_port: 8082,
    grpc_port: Some(50052),
    ops_port: 8082,
};

/// How often old answers are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// Assembles the service.
pub async fn build(mut context: Context) -> anyhow::Result<Context> {
    let settings = context.settings.clone();
    let sqlite = Sqlite::open(settings.database.url.expose_secret(), MIGRATIONS).await?;
    sqlite.watch(&mut context);
    let cache = CachePool::new(&settings.redis.cache.access())?;
    let streams = StreamsPool::new(&settings.redis.streams.access())?;
    context.keep(&cache, Need::Required);
    context.keep(&streams, Need::Required);
    context.tell_health(&cache);

    let store = Store::new(sqlite.read.clone());
    let (writer, waiting) = Writer::new();
    let committed = Arc::clone(writer.committed());
    // The writer outlives the listeners, so that calls being answered still get their commit.
    let stop = context.supervisor.stop_of(Stage::Sockets);
    let writing = write_until(sqlite.write.clone(), waiting, Arc::clone(&committed), stop);
    context.supervisor.spawn(Stage::Sockets, "writer", writing);
    start_relay(&mut context, &store, &streams, committed);
    let stop = context.supervisor.stop_of(Stage::Workers);
    context
        .supervisor
        .spawn(Stage::Workers, "forget", forget(sqlite.clone(), stop));

    let guard = Guard::start(&mut context, cache)?;
    let projects = Projects::new(guard, store, writer, sqlite);
    let routes = kit_grpc::routes(ProjectServiceServer::new(projects)).await?;
    let addr = settings.grpc.addr.unwrap_or(([127, 0, 0, 1], 50052).into());
    let listener = context.bind(addr)?;
    let stop = context.supervisor.stop_of(Stage::Listeners);
    context.supervisor.spawn(
        Stage::Listeners,
        "grpc",
        kit_grpc::serve(listener, routes, stop),
    );
    Ok(context)
}

fn start_relay(
    context: &mut Context,
    store: &Store,
    streams: &StreamsPool,
    committed: Arc<Committed>,
) {
    static PENDING: LazyLock<IntGauge> = LazyLock::new(|| {
        register_int_gauge!(
            "devmentor_outbox_pending",
            "Events stored and not yet confirmed by the streams Redis."
        )
        .expect("a metric is registered once")
    });
    let relay = Relay::new(store.clone(), streams.clone(), Arc::clone(&committed));
    let trouble = relay.trouble();
    context
        .health
        .add("relay", Need::Useful, move || match &*trouble.borrow() {
            None => Ok(()),
            Some(reason) => Err(reason.clone()),
        });
    context.observe(move || PENDING.set(committed.pending.load(Ordering::Relaxed)));
    let stop = context.supervisor.stop_of(Stage::Workers);
    context
        .supervisor
        .spawn(Stage::Workers, "relay", relay.run(stop));
}

/// Deletes old idempotency answers now and then. A failure is told and tried again.
async fn forget(sqlite: Sqlite, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        match forget_old_answers(&sqlite.write).await {
            Ok(count) => tracing::debug!(count, "old answers deleted"),
            Err(error) => tracing::warn!(error = %error, "old answers were not deleted"),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(FORGET_EVERY) => {}
        }
    }
}
