//! The mentor: it answers from the asker's own projects, in a style drawn from their profile, and keeps
//! what people make of its replies.

mod asker;
mod conversation;
mod domain;
mod grpc;
mod projects;

use identity::Guard;
use rate_limits::{DayShare, Share};
use redis_access::{CachePool, StreamsPool};
use rpc::ai::ai_service_server::AiServiceServer;
use service_kit::{Context, Service, grpc as kit_grpc, health::Need};

use crate::{conversation::Records, grpc::Mentor, projects::Projects};

/// What it is called and where it listens.
pub const SERVICE: Service = Service {
    name: "ai-gateway",
    version: env!("CARGO_PKG_VERSION"),
    http_port: 8084,
    grpc_port: Some(50054),
    ops_port: 8084,
};

/// Assembles the service.
pub async fn build(mut context: Context) -> anyhow::Result<Context> {
    let settings = context.settings.clone();
    let cache = CachePool::new(&settings.redis.cache.access())?;
    let streams = StreamsPool::new(&settings.redis.streams.access())?;
    context.keep(&cache, Need::Required);
    context.keep(&streams, Need::Required);
    context.tell_health(&cache);

    let projects = rpc::connect(&settings.upstream.project, Some(rpc::DEADLINE))?;
    let share = DayShare::start(&mut context, Share::Stream, &cache);
    let guard = Guard::start(&mut context, cache)?;
    let records = Records::new(streams, share);
    let mentor = Mentor::new(guard, records, Projects::new(projects));
    let routes = kit_grpc::routes(AiServiceServer::new(mentor)).await?;
    context.serve_grpc(routes)?;
    Ok(context)
}
