//! What every handler can reach.

use anyhow::Context as _;
use redis_access::{CachePool, StreamsPool};
use service_kit::{Context, health::Need, identity::Guard};

use crate::{
    client::Site,
    http::jwks::KeyCache,
    live::Live,
    platform::{self, Platform},
    server::Drain,
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
    pub(crate) jwks: KeyCache,
    pub(crate) drain: Drain,
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
        let guard = Guard::start(context, cache.clone())?;
        Ok(Self {
            live: Live::start(context, &cache, &streams, &upstream, &guard),
            guard,
            site: Site::new(&context.settings).context("public_url has no host")?,
            platform: platform::watch(context, &upstream, cache.link(), streams.link()),
            jwks: KeyCache::default(),
            drain: Drain::default(),
            streams,
            upstream,
        })
    }
}
