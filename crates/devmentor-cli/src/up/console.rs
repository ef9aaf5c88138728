//! Log lines of all processes, prefixed, on stderr and in files.
//!
//! A terminal, or a pipe nobody reads, may stand still. Then lines are left out there, and counted,
//! rather than that the platform stands still with it; the files have them all.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal, Write},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

const LINES_WAITING: usize = 4096;
const LARGEST_FILE_BYTES: u64 = 10 * 1024 * 1024;
/// How long the last lines may take.
const FAREWELL: Duration = Duration::from_secs(1);
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// The shared way to stderr. Cheap to clone.
#[derive(Clone)]
pub(super) struct Console {
    lines: SyncSender<String>,
    left_out: Arc<AtomicU64>,
    prefixes: Arc<BTreeMap<&'static str, String>>,
    written: Arc<Mutex<Receiver<()>>>,
}

/// One process's log.
pub(super) struct Log {
    name: &'static str,
    console: Console,
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Console {
    /// Starts the thread that writes.
    pub(super) fn start(names: impl Iterator<Item = &'static str>) -> Self {
        let (lines, waiting) = sync_channel::<String>(LINES_WAITING);
        let (tell_written, written) = sync_channel(1);
        thread::spawn(move || {
            for line in waiting {
                if line.is_empty() {
                    let _ = tell_written.try_send(());
                } else {
                    drop(io::stderr().write_all(line.as_bytes()));
                }
            }
        });
        Self {
            lines,
            left_out: Arc::default(),
            prefixes: Arc::new(prefixes(names.chain(["devmentor"]))),
            written: Arc::new(Mutex::new(written)),
        }
    }

    /// The log of a process, appended to its file.
    pub(super) fn log(&self, name: &'static str, path: PathBuf) -> anyhow::Result<Log> {
        let file = append(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Log {
            name,
            console: self.clone(),
            path,
            file,
            bytes,
        })
    }

    /// A line of our own.
    pub(super) fn note(&self, line: &str) {
        self.show("devmentor", line);
    }

    fn show(&self, name: &str, line: &str) {
        let prefix = self.prefixes.get(name).map_or(name, String::as_str);
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        let told = match left_out {
            0 => format!("{prefix}{line}\n"),
            count => format!("{prefix}({count} lines were left out here)\n{prefix}{line}\n"),
        };
        if self.lines.try_send(told).is_err() {
            self.left_out.fetch_add(left_out + 1, Ordering::Relaxed);
        }
    }

    /// Waits until what was shown is written; not for ever. The empty line marks the end.
    pub(super) fn finish(&self) {
        if self.lines.try_send(String::new()).is_ok()
            && let Ok(written) = self.written.lock()
        {
            let _ = written.recv_timeout(FAREWELL);
        }
    }
}

impl Log {
    /// A line of the process.
    pub(super) fn line(&mut self, line: &str) {
        self.console.show(self.name, line);
        if let Err(error) = self.keep(line) {
            self.console.note(&format!(
                "{} cannot be written: {error}",
                self.path.display()
            ));
        }
    }

    fn keep(&mut self, line: &str) -> io::Result<()> {
        if self.bytes >= LARGEST_FILE_BYTES {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            self.file = append(&self.path)?;
            self.bytes = 0;
        }
        self.bytes += line.len() as u64 + 1;
        self.file.write_all(format!("{line}\n").as_bytes())
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn prefixes(names: impl Iterator<Item = &'static str>) -> BTreeMap<&'static str, String> {
    let names: Vec<_> = names.collect();
    let width = names
        .iter()
        .map(|name| name.len())
        .max()
        .unwrap_or_default();
    let coloured = io::stderr().is_terminal();
    let prefix = |(name, colour): (&'static str, &u8)| {
        let prefix = match coloured {
            true => format!("\x1b[{colour}m{name:width$} |\x1b[0m "),
            false => format!("{name:width$} | "),
        };
        (name, prefix)
    };
    names
        .into_iter()
        .zip(COLOURS.iter().cycle())
        .map(prefix)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_bounded_and_one_older_is_kept() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("auth-service.log");
        let console = Console::start(["auth-service"].into_iter());
        let mut log = console.log("auth-service", path.clone()).expect("a log");
        log.bytes = LARGEST_FILE_BYTES;
        log.keep("after").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("the new file"), "after\n");
        assert!(path.with_extension("log.1").exists());
    }
}
