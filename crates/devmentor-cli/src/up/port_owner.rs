//! Who has a port.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// `TCP_LISTEN` in `/proc/net/tcp`.
const LISTENING: &str = "0A";
/// The inode of a socket that belongs to no process any more.
const NO_INODE: &str = "0";

/// What keeps a port from being listened on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// This process listens there.
    Listener(String),
    /// A connection of this process to elsewhere begins there.
    Connection(String),
    /// A connection that was closed; the kernel keeps its port for a minute.
    Closed,
    /// Nobody knows.
    Unknown,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(process) => f.write_str(process),
            Self::Connection(process) => write!(f, "a connection of {process}"),
            Self::Closed => f.write_str("a connection closed within the last minute"),
            Self::Unknown => f.write_str("a socket that does not listen"),
        }
    }
}

impl Owner {
    /// Of a port.
    pub(super) fn of(port: u16) -> Self {
        match Path::new("/proc/net/tcp").exists() {
            true => from_proc(port),
            false => from_lsof(port).map_or(Self::Unknown, Self::Listener),
        }
    }
}

/// A socket, as a table of the kernel shows it.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    listens: bool,
    inode: Option<String>,
}

fn from_proc(port: u16) -> Owner {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|path| fs::read_to_string(path).unwrap_or_default());
    let mut sockets: Vec<_> = tables
        .iter()
        .flat_map(|table| sockets(table, port))
        .collect();
    // First who listens, then who is connected.
    sockets.sort_by_key(|socket| (!socket.listens, socket.inode.is_none()));
    match sockets.into_iter().next() {
        None => Owner::Unknown,
        Some(Socket { inode: None, .. }) => Owner::Closed,
        Some(Socket {
            listens,
            inode: Some(inode),
        }) => match listens {
            true => Owner::Listener(process_with(&inode)),
            false => Owner::Connection(process_with(&inode)),
        },
    }
}

/// The sockets at a local port.
fn sockets(table: &str, port: u16) -> Vec<Socket> {
    let suffix = format!(":{port:04X}");
    let socket = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let is_there = columns.get(1)?.ends_with(&suffix);
        is_there.then_some(Socket {
            listens: *columns.get(3)? == LISTENING,
            inode: Some((*columns.get(9)?).to_owned()).filter(|inode| inode != NO_INODE),
        })
    };
    table.lines().skip(1).filter_map(socket).collect()
}

/// Id and command of the process that has a socket.
fn process_with(inode: &str) -> String {
    let socket = format!("socket:[{inode}]");
    let holds = |process: &Path| {
        let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten();
        descriptors
            .flatten()
            .flat_map(|entry| fs::read_link(entry.path()))
            .any(|target| target.as_os_str() == socket.as_str())
    };
    match processes().find(|process| holds(process)) {
        None => "a process of another user".to_owned(),
        Some(process) => {
            let command = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
            let command = command.replace('\0', " ");
            let id = process.file_name().unwrap_or_default();
            format!("process {} ({})", id.display(), command.trim_end())
        }
    }
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let is_number = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_number)
}

fn from_lsof(port: u16) -> Option<String> {
    let output = Command::new("lsof")
        .args(["-nP", "-sTCP:LISTEN", "-Fpc"])
        .arg(format!("-iTCP:{port}"))
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let field = |tag: char| text.lines().find_map(|line| line.strip_prefix(tag));
    Some(format!("process {} ({})", field('p')?, field('c')?))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn the_kernel_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F90 0100007F:9C40 06 00000000:00000000 00:00000000 00000000     0        0 0 1\n   \
                     1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n";
        let socket = |listens, inode: Option<&str>| Socket {
            listens,
            inode: inode.map(str::to_owned),
        };
        let found = [socket(false, None), socket(true, Some("4242"))];
        assert_eq!(sockets(table, 8080), found);
        assert_eq!(sockets(table, 8081), []);
    }

    #[test]
    fn a_listener_of_this_process_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let owner = Owner::of(port);
        let id = std::process::id().to_string();
        assert!(
            matches!(&owner, Owner::Listener(process) if process.contains(&id)),
            "{owner:?}"
        );
    }
}
