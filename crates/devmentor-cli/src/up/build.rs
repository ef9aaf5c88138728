//! Builds the web app and the services before they are started.

use std::path::Path;

use anyhow::{Context, ensure};
use tokio::process::Command;

/// The one place that says how everything is built.
const SCRIPT: &str = "scripts/build.sh";

/// Builds; false when it was stopped.
pub(super) async fn run(root: &Path, stop: impl Future<Output = ()>) -> anyhow::Result<bool> {
    let mut building = Command::new(root.join(SCRIPT));
    let mut building = building
        .current_dir(root)
        .kill_on_drop(true)
        .spawn()
        .context(SCRIPT)?;
    tokio::select! {
        status = building.wait() => {
            let status = status.context(SCRIPT)?;
            ensure!(status.success(), "the build failed; mend what it names, or start what was built before with --no-build");
            Ok(true)
        }
        () = stop => Ok(false),
    }
}
