//! The public face of the platform: REST and the web app. A domain rule lives in the service that
//! owns it, never here: the gateway knows who calls, reads what they sent, asks the service over
//! gRPC, and writes the answer.

mod assets;
mod client;
pub mod http;
mod live;
mod metrics;
mod platform;
mod server;
mod state;
mod upstream;

use anyhow::Context as _;
use redis_access::{CachePool, StreamsPool};
use service_kit::{Context, Service, health::Need, identity::Guard};

pub use state::State;

/// What the process is called and where it listens.
pub const SERVICE: Service = Service {
    name: "ui-gateway",
    version: env!("CARGO_PKG_VERSION"),
    http_port: 8080,
    grpc_port: None,
    ops_port: 8090,
};

/// Assembles the service: its tasks are in the context's supervisor.
pub async fn build(mut context: Context) -> anyhow::Result<Context> {
    let listener = context.bind(context.settings.http.addr)?;
    let cache = CachePool::new(&context.settings.redis.cache.access())?;
    let streams = StreamsPool::new(&context.settings.redis.streams.access())?;
    context.keep(&cache, Need::Required);
    context.keep(&streams, Need::Required);
    context.tell_health(&cache);
    let upstream = upstream::Upstream::connect(&context.settings.upstream)?;
    let guard = Guard::start(&mut context, cache.clone())?;
    let state = State {
        live: live::Live::start(&mut context, &cache, &streams, &upstream, &guard),
        guard,
        site: client::Site::new(&context.settings).context("public_url is no URL")?,
        platform: platform::watch(&mut context, &upstream, cache.link(), streams.link()),
        jwks: http::jwks::KeyCache::default(),
        drain: server::Drain::default(),
        upstream,
    };
    server::start(&mut context, listener, state)?;
    Ok(context)
}
