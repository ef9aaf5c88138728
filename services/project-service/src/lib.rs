//! Projects, tasks and comments; the event log and its relay.

mod domain;
mod grpc;
mod outbox;
mod store;
mod sweeper;
mod waitable;

use std::sync::Arc;

use identity::Guard;
use rate_limits::{DayShare, Share};
use redis_access::{CachePool, StreamsPool};
use rpc::project::project_service_server::ProjectServiceServer;
use secrecy::ExposeSecret;
use service_kit::{Context, Service, Stage, grpc as kit_grpc, health::Need, streams_memory};
use sql::{relay, sqlite::Sqlite};
use tokio::sync::Notify;

use crate::{
    grpc::Projects,
    outbox::ProjectEvents,
    store::{EventLog, MIGRATIONS, Store, Writer},
};

/// What it is called and where it listens.
pub const SERVICE: Service = Service {
    name: "project-service",
    version: env!("CARGO_PKG_VERSION"),
    http_port: 8082,
    grpc_port: Some(50052),
    ops_port: 8082,
};

/// Assembles the service.
pub async fn build(mut context: Context) -> anyhow::Result<Context> {
    let settings = context.settings.clone();
    let mut sqlite = Sqlite::open(settings.database.url.expose_secret(), MIGRATIONS).await?;
    let store = Store::new(&mut sqlite);
    sqlite.watch(&mut context);
    let cache = CachePool::new(&settings.redis.cache.access())?;
    let streams = StreamsPool::new(&settings.redis.streams.access())?;
    context.keep(&cache, Need::Required);
    context.keep(&streams, Need::Required);
    context.tell_health(&cache);

    let shares = DayShare::start(&mut context, Share::Stream, &cache);
    let (writer, writing) = Writer::new(sqlite.write.clone(), shares);
    // The writer outlives the listeners, so that calls being answered still get their commit.
    let stop = context.supervisor.stop_of(Stage::Sockets);
    let supervisor = &mut context.supervisor;
    supervisor.spawn(Stage::Sockets, "writer", writing.run(stop));
    let committed = Arc::clone(writer.committed());
    let events = ProjectEvents::new(EventLog::new(sqlite.own.clone()), writer.clone());
    streams_memory::start(&mut context, streams.clone());
    relay::start(&mut context, events, streams, committed, false);
    let deleted = start_sweepers(&mut context, &writer);

    let imported = DayShare::start(&mut context, Share::Import, &cache);
    let guard = Guard::start(&mut context, cache)?;
    let projects = Projects::new(guard, store, writer, sqlite, imported, deleted);
    let routes = kit_grpc::routes(ProjectServiceServer::new(projects)).await?;
    context.serve_grpc(routes)?;
    Ok(context)
}

/// Starts what deletes rows that are over; what is given wakes it. It ends with the writer.
fn start_sweepers(context: &mut Context, writer: &Writer) -> Arc<Notify> {
    let deleted = Arc::<Notify>::default();
    let supervisor = &mut context.supervisor;
    let stop = supervisor.stop_of(Stage::Sockets);
    let sweeping = sweeper::sweep(writer.clone(), Arc::clone(&deleted), stop.clone());
    supervisor.spawn(Stage::Sockets, "sweep", sweeping);
    let forgetting = sweeper::forget(writer.clone(), stop);
    supervisor.spawn(Stage::Sockets, "forget", forgetting);
    deleted
}
