//! What the system says of a process.

use std::{fs, time::Duration};

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files a process may have open: sockets and the rest.
const FILES: u64 = 65_536;

/// The unit of times in /proc: USER_HZ, a hundredth of a second wherever Redis and we run.
const TICK: Duration = Duration::from_millis(10);

/// Processor time that a process took so far, in itself and for it in the kernel.
pub fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .context("processor time is read from /proc, which Linux has")?;
    ticks(&stat)
        .map(|ticks| TICK * ticks)
        .context("utime and stime")
}

/// The 14th and the 15th field. The second, the name, may hold anything but ends with the last bracket.
fn ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut times = rest.split(' ').skip(11).map(str::parse::<u32>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

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

#[cfg(test)]
mod tests {
    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 12 30 0 0 20 0 1 0 5 0 0";
        assert_eq!(super::ticks(stat), Some(42));
        assert_eq!(super::ticks("7 (a"), None);
    }
}
