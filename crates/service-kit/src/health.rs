//! What a process needs, whether it is there, and how that is told.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis_access::{CachePool, Pool};
use redis_contracts::{
    RedisInstance, Timestamp,
    keys::{HealthRecord, SYSTEM_HEALTH},
};
use tokio_util::sync::CancellationToken;

use crate::Service;

/// How often a process tells of itself; its word is good for 30 s.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Whether a component's absence makes the process not ready, or only degraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Without it the process cannot do its work.
    Required,
    /// Without it some of the work is not done.
    Useful,
}

type Probe = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

struct Component {
    name: String,
    need: Need,
    probe: Probe,
}

/// The components of a process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Health {
    components: Arc<RwLock<Vec<Component>>>,
    serving: Arc<AtomicBool>,
    was_ready: Arc<OnceLock<Timestamp>>,
}

/// A process's state at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// Every required component is there.
    pub ready: bool,
    /// What is away, with the reason.
    pub degraded: BTreeMap<String, String>,
}

impl Health {
    /// Adds a component. The probe answers from what is known, without waiting.
    pub fn add(
        &self,
        name: impl Into<String>,
        need: Need,
        probe: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) {
        if let Ok(mut components) = self.components.write() {
            components.push(Component {
                name: name.into(),
                need,
                probe: Box::new(probe),
            });
        }
    }

    /// Adds a Redis: what serves requests can be opened. One that takes no writes still serves reads, so
    /// that it is no reason to send callers away.
    pub fn add_redis<I: RedisInstance>(&self, name: &'static str, need: Need, pool: &Pool<I>) {
        let (reached, written) = (pool.clone(), pool.clone());
        self.add(name, need, move || reached.fault().map_or(Ok(()), Err));
        self.add(name, Need::Useful, move || {
            match (written.fault(), written.refusal()) {
                (None, Some(reason)) => Err(reason.to_owned()),
                _ => Ok(()),
            }
        });
    }

    /// All listeners are bound; before that nothing is ready.
    pub(crate) fn serve(&self) {
        self.serving.store(true, Ordering::Relaxed);
    }

    /// The state now.
    pub fn report(&self) -> HealthReport {
        let mut report = HealthReport {
            ready: self.serving.load(Ordering::Relaxed),
            degraded: BTreeMap::new(),
        };
        if let Ok(components) = self.components.read() {
            for component in components.iter() {
                if let Err(reason) = (component.probe)() {
                    report.ready &= component.need != Need::Required;
                    report.degraded.insert(component.name.clone(), reason);
                }
            }
        }
        if report.ready && self.was_ready.set(Timestamp::now()).is_ok() {
            tracing::info!("ready");
        }
        report
    }
}

/// Writes `system:health:{service}/{instance}` every 10 s until `stop`, and removes it then.
pub(crate) async fn tell(
    health: Health,
    cache: CachePool,
    service: Service,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let instance = format!("{}-{}", host_name(), std::process::id());
    let key = SYSTEM_HEALTH.key((service.name, instance));
    let started = Timestamp::now();
    let mut link = cache.link();
    loop {
        let report = health.report();
        let record = HealthRecord {
            version: service.version.to_owned(),
            started,
            ready: report.ready,
            degraded: report.degraded,
        };
        if let Err(error) = cache.set(&key, &record).await {
            tracing::debug!(error = %error, "health is not told");
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(TELL_EVERY) => {}
            Ok(()) = link.changed() => {}
        }
    }
    if let Err(error) = cache.delete(&key).await {
        tracing::debug!(error = %error, "health is not withdrawn; it ends by itself");
    }
    Ok(())
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "host".to_owned(),
        name => name.to_owned(),
    }
}
