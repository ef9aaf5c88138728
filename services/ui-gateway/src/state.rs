//! What every handler can reach.

use service_kit::identity::Guard;

use crate::{
    client::Site, http::jwks::KeyCache, live::Live, platform::Platform, server::Drain, upstream::Upstream,
};

/// The state of the process, shared by all its threads.
pub struct State {
    /// Tells who calls.
    pub guard: Guard,
    /// The services behind this one.
    pub upstream: Upstream,
    pub(crate) site: Site,
    pub(crate) platform: Platform,
    pub(crate) jwks: KeyCache,
    pub(crate) live: Live,
    pub(crate) drain: Drain,
}
