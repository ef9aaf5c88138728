//! Where a usable redis-server is.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

/// Names the executable to use, before all others.
const OVERRIDE: &str = "REDIS_SERVER";
/// Where `scripts/install.sh` puts one when the system has none, in the user's cache.
const PRIVATE: &str = "devmentor/redis-server";
const LEAST_VERSION: u32 = 7;

/// Where a server writes its process id, in its directory.
pub(super) const PID_FILE: &str = "redis.pid";

/// The first that is new enough: of `REDIS_SERVER`, of `PATH`, the private one.
pub(super) fn find() -> anyhow::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("redis-server"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| env::home_dir().map(|home| home.join(".cache")));
    let private = cache.map(|cache| cache.join(PRIVATE));
    let mut candidates = env::var_os(OVERRIDE)
        .map(PathBuf::from)
        .into_iter()
        .chain(on_path)
        .chain(private);
    candidates.find(|candidate| usable(candidate)).with_context(|| {
        format!(
            "redis-server {LEAST_VERSION} or newer is not found; install it (apt install redis-server, \
             brew install redis), or name it in {OVERRIDE}"
        )
    })
}

fn usable(candidate: &Path) -> bool {
    let Ok(output) = Command::new(candidate).arg("--version").output() else {
        return false;
    };
    version(&String::from_utf8_lossy(&output.stdout))
        .is_some_and(|version| version >= LEAST_VERSION)
}

fn version(told: &str) -> Option<u32> {
    told.split_once(" v=")?.1.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_redis_tells_of_itself() {
        assert_eq!(
            version("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"),
            Some(7)
        );
        assert_eq!(version("Redis server v=10.1.0 sha=0"), Some(10));
        assert_eq!(version("something else"), None);
    }
}
