//! What goes wrong.

use rand::{RngExt, rngs::StdRng};
use test_kit::{Platform, Proxy};

use super::Scene;

/// Something that goes wrong, and is made good again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    ServiceDies(&'static str),
    StreamsDies,
    CacheDies,
    WireIsCut(Wire, usize),
    WireIsSilent(Wire, usize),
    WireBlinks(Wire),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    Cache,
    Streams,
}

impl Fault {
    /// The writes are how long it lasts.
    pub(super) fn any(dice: &mut StdRng) -> Self {
        let wire = if dice.random_bool(0.3) {
            Wire::Cache
        } else {
            Wire::Streams
        };
        let writes = dice.random_range(1..40);
        match dice.random_range(0..8) {
            0 | 1 => Self::ServiceDies("project-service"),
            2 => Self::ServiceDies("ui-gateway"),
            3 => Self::StreamsDies,
            4 => Self::CacheDies,
            5 => Self::WireIsCut(wire, writes),
            6 => Self::WireIsSilent(wire, writes),
            _ => Self::WireBlinks(wire),
        }
    }

    #[expect(
        clippy::print_stderr,
        reason = "a run that failed has to be understood"
    )]
    pub(super) async fn happen(self, platform: &mut Platform, scene: &Scene) {
        eprintln!("{self:?}");
        match self {
            Self::ServiceDies(name) => platform.restart(name).await,
            Self::StreamsDies => platform.streams.restart().await,
            Self::CacheDies => platform.cache.restart().await,
            Self::WireBlinks(wire) => wire.of(platform).cut_once(),
            Self::WireIsCut(wire, writes) => {
                wire.of(platform).cut();
                scene.pass(writes).await;
                wire.of(platform).heal();
            }
            Self::WireIsSilent(wire, writes) => {
                wire.of(platform).freeze();
                scene.pass(writes).await;
                wire.of(platform).heal();
            }
        }
    }
}

impl Wire {
    fn of(self, platform: &Platform) -> &Proxy {
        let wire = match self {
            Self::Cache => &platform.cache_wire,
            Self::Streams => &platform.streams_wire,
        };
        wire.as_ref().expect("a proxy")
    }
}
