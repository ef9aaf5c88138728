//! Projects, tasks and comments; the event log and its relay.

mod domain;
mod grpc;
mod outbox;
mod store;
mod sweeper;
mod waitable;

use std::sync::Arc;

use redis_access::{CachePool, StreamsPool};
use rpc::project::project_service_server::ProjectServiceServer;
use secrecy::ExposeSecret;
use service_kit::{
    Context, Service, Stage, grpc as kit_grpc, health::Need, identity::Guard, relay, sqlite::Sqlite,
};
use tokio::sync::Notify;

use crate::{
    grpc::Projects,
    outbox::ProjectEvents,
    store::{EventLog, Floor, MIGRATIONS, Store, Writer, write_until},
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

    let (writer, waiting) = Writer::new();
    let committed = Arc::clone(writer.committed());
    // The writer outlives the listeners, so that calls being answered still get their commit.
    let stop = context.supervisor.stop_of(Stage::Sockets);
    let floor = Arc::<Floor>::default();
    let writing = write_until(
        sqlite.write.clone(),
        waiting,
        Arc::clone(&committed),
        Arc::clone(&floor),
        stop,
    );
    context.supervisor.spawn(Stage::Sockets, "writer", writing);
    let events = ProjectEvents {
        log: EventLog::new(sqlite.own.clone()),
        floor,
    };
    relay::start(&mut context, events, streams, committed, false);
    let deleted = start_sweepers(&mut context, &writer);

    let guard = Guard::start(&mut context, cache)?;
    let projects = Projects::new(guard, store, writer, sqlite, deleted);
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
