//! What every handler can reach.

use anyhow::Context as _;
use identity::{GatewayCredential, Guard, gateway_credential};
use rate_limits::Limiter;
use redis_access::{CachePool, StreamsPool};
use service_kit::{Context, Settings, health::Need};
use uuid::Uuid;

use crate::{
    client::Site,
    connections::Connections,
    contract::Shapes,
    http::{self, Turns},
    limits::{ApiLimits, LONGEST_WAIT},
    live::Live,
    platform::{self, Platform},
    server::{self, Drain},
    upstream::Upstream,
};

/// The state of the process, shared by all its threads.
pub struct State {
    /// Tells who calls.
    pub guard: Guard,
    /// The services behind this one.
    pub upstream: Upstream,
    /// The streams Redis, for what is read there directly.
    pub(crate) streams: StreamsPool,
    pub(crate) live: Live,
    pub(crate) site: Site,
    pub(crate) platform: Platform,
    pub(crate) drain: Drain,
    pub(crate) connections: Connections,
    pub(crate) limits: ApiLimits,
    pub(crate) turns: Turns,
    /// What requests may hold.
    pub(crate) shapes: Shapes,
    /// Goes with what reports a client to auth-service.
    pub(crate) credential: GatewayCredential,
}

impl State {
    /// The state as the settings say; what keeps it alive is in the context's supervisor.
    pub(crate) fn assemble(context: &mut Context) -> anyhow::Result<Self> {
        let cache = CachePool::new(&context.settings.redis.cache.access())?;
        let streams = StreamsPool::new(&context.settings.redis.streams.access())?;
        context.keep(&cache, Need::Required);
        context.keep(&streams, Need::Required);
        context.tell_health(&cache);
        let upstream = Upstream::connect(&context.settings.upstream)?;
        let credential = GatewayCredential::new(&gateway_credential(&context.settings)?)?;
        let guard = Guard::start_in_gateway(context, cache.clone(), credential.clone())?;
        let Settings {
            limits, lockout, ..
        } = context.settings;
        let limiter = Limiter::patient(cache.clone(), limits, lockout, LONGEST_WAIT);
        Ok(Self {
            live: Live::start(context, &streams, &upstream, &guard),
            guard,
            site: Site::new(&context.settings).context("public_url has no host")?,
            platform: platform::watch(
                context,
                &upstream,
                credential.clone(),
                cache.clone(),
                streams.clone(),
            ),
            drain: Drain::default(),
            connections: Connections::new(
                server::most_connections(),
                limits.connections_per_address,
                context.settings.http.trusted_proxies.clone(),
            ),
            limits: ApiLimits::start(context, limiter)?,
            turns: Turns::new(),
            shapes: http::shapes()?,
            credential,
            streams,
            upstream,
        })
    }

    /// A session was ended in this process's presence: it is dead here at once, its sockets included.
    pub(crate) async fn end_session(&self, id: Uuid, cache_heard: bool) {
        self.guard.end(id, cache_heard).await;
        self.live.end_session(id);
    }
}
