//! What goes wrong.

use rand::{RngExt, rngs::StdRng};
use serde_json::Value;
use test_kit::{Platform, Proxy, eventually};

use super::{LONG, Scene};

/// Something that goes wrong, and is made good again. The numbers are how many writes it lasts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    ServiceDies(&'static str),
    StreamsDies,
    StreamsIsAway(usize),
    /// And project-service dies meanwhile.
    StreamsIsAwayAndNotAlone(usize),
    StreamsComesBackEmpty,
    CacheDies,
    WireIsCut(Wire, usize),
    WireIsSilent(Wire, usize),
    WireIsSilentUntilSeen(Wire),
    WireBlinks(Wire),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    Cache,
    Streams,
}

impl Fault {
    pub(super) fn any(dice: &mut StdRng) -> Self {
        let wire = if dice.random_bool(0.3) {
            Wire::Cache
        } else {
            Wire::Streams
        };
        let writes = dice.random_range(1..40);
        match dice.random_range(0..13) {
            0 | 1 => Self::ServiceDies("project-service"),
            2 => Self::ServiceDies("ui-gateway"),
            3 => Self::ServiceDies("auth-service"),
            4 => Self::StreamsDies,
            5 => Self::StreamsIsAway(writes),
            6 => Self::StreamsIsAwayAndNotAlone(writes),
            7 => Self::StreamsComesBackEmpty,
            8 => Self::CacheDies,
            9 => Self::WireIsCut(wire, writes),
            10 => Self::WireIsSilent(wire, writes),
            11 => Self::WireIsSilentUntilSeen(wire),
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
            Self::StreamsIsAway(writes) => {
                platform.streams.kill();
                scene.pass(writes).await;
                platform.streams.restart().await;
            }
            Self::StreamsIsAwayAndNotAlone(writes) => {
                platform.streams.kill();
                scene.pass(writes).await;
                platform.kill("project-service");
                platform.streams.restart().await;
                platform.restart("project-service").await;
            }
            Self::StreamsComesBackEmpty => {
                platform.streams.kill();
                platform.streams.wipe();
                platform.streams.restart().await;
            }
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
            Self::WireIsSilentUntilSeen(wire) => {
                wire.of(platform).freeze();
                wire.seen_down(platform).await;
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

    /// Waits until the gateway says so.
    async fn seen_down(self, platform: &Platform) {
        let url = format!("{}/api/health", platform.base_url());
        let instance = match self {
            Self::Cache => "cache",
            Self::Streams => "streams",
        };
        eventually("the silence is noticed", LONG, async || {
            let answer = reqwest::get(&url)
                .await
                .map_err(|error| error.to_string())?;
            let health: Value = answer.json().await.map_err(|error| error.to_string())?;
            match health["redis"][instance]["status"].as_str() {
                Some("down") => Ok(()),
                _ => Err(health.to_string()),
            }
        })
        .await;
    }
}
