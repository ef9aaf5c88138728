//! `devmentor config check`: reads the settings of every service as the service would.

use std::{collections::BTreeMap, process::ExitCode};

use serde_json::json;
use service_kit::config;

use crate::{manifest::Manifest, output};

/// Checks all; exit 1 when a service would refuse to start.
pub(crate) fn run(as_json: bool) -> anyhow::Result<ExitCode> {
    let (manifest, root) = Manifest::find(0)?;
    let environment = config::process_environment();
    let mut faults = BTreeMap::<String, Vec<&str>>::new();
    for entry in &manifest.services {
        if let Err(fault) = entry.settings(&root, &environment) {
            faults
                .entry(fault.to_string())
                .or_default()
                .push(&entry.name);
        }
    }
    if as_json {
        let items: Vec<_> = faults
            .iter()
            .map(|(fault, services)| json!({"fault": fault, "services": services}))
            .collect();
        output::document(&json!({"ok": faults.is_empty(), "faults": items}));
    } else if faults.is_empty() {
        output::answer("The settings of every service are good.");
    } else {
        for (fault, services) in &faults {
            output::answer(&format!("{fault} ({})", services.join(", ")));
        }
    }
    Ok(ExitCode::from(u8::from(!faults.is_empty())))
}
