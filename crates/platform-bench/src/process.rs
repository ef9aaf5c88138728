//! What the system says of a process.

use std::fs;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files a process may have open: sockets and the rest.
const FILES: u64 = 65_536;

/// Memory of a process, in 10^6 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident now.
    pub resident_mb: f64,
    /// Resident at most so far.
    pub peak_mb: f64,
}

impl Memory {
    /// Of this process.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))
            .context("memory is read from /proc, which Linux has")?;
        Ok(Self {
            resident_mb: field_mb(&status, "VmRSS:")?,
            peak_mb: field_mb(&status, "VmHWM:")?,
        })
    }
}

fn field_mb(status: &str, name: &'static str) -> anyhow::Result<f64> {
    let mut lines = status.lines();
    let kibibytes = lines.find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
    Ok(kibibytes.context(name)?.parse::<f64>()? * 1024.0 / 1e6)
}

/// Lets this process and its children have thousands of sockets open.
pub fn allow_many_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILES, |most| most.min(FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).context("the limit of open files cannot be raised")?;
    }
    Ok(())
}
