//! Refuses a port that is taken, and names who has it.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
};

use anyhow::bail;

use super::plan::Process;

/// `TCP_LISTEN` in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// Checks every port before anything is started.
pub(super) fn refuse_taken(processes: &[Process]) -> anyhow::Result<()> {
    let ports = processes
        .iter()
        .flat_map(|process| process.ports.iter().map(|port| (process.name, *port)));
    let taken: Vec<_> = ports
        .filter_map(|(name, port)| {
            let error = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).err()?;
            let owner = owner(port).unwrap_or_else(|| error.to_string());
            Some(format!("port {port} of {name} is taken by {owner}"))
        })
        .collect();
    if !taken.is_empty() {
        bail!(
            "{}\nstop what has them, or give --port-offset N",
            taken.join("\n")
        );
    }
    Ok(())
}

/// Process id and command of who listens on a port.
fn owner(port: u16) -> Option<String> {
    if Path::new("/proc/net/tcp").exists() {
        from_proc(port)
    } else {
        from_lsof(port)
    }
}

fn from_proc(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|path| fs::read_to_string(path).unwrap_or_default());
    let inode = tables
        .iter()
        .find_map(|table| listening_inode(table, port))?;
    let socket = format!("socket:[{inode}]");
    let holds = |process: &Path| {
        let descriptors = fs::read_dir(process.join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        descriptors
            .flat_map(|entry| fs::read_link(entry.path()))
            .any(|target| target.as_os_str() == socket.as_str())
    };
    let numbered = |path: &Path| {
        path.file_name()
            .is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
    };
    let mut processes = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| numbered(path));
    let Some(process) = processes.find(|process| holds(process)) else {
        return Some("a process of another user".to_owned());
    };
    let command = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
    let command = command.replace('\0', " ");
    Some(format!(
        "process {} ({})",
        process.file_name()?.display(),
        command.trim_end()
    ))
}

/// The inode of the socket that listens on a port, from a table of the kernel.
fn listening_inode(table: &str, port: u16) -> Option<&str> {
    let suffix = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let listens = columns.get(1)?.ends_with(&suffix) && *columns.get(3)? == LISTENING;
        columns.get(9).copied().filter(|_| listens)
    })
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
    use super::*;

    #[test]
    fn the_kernel_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 11 1\n   \
                     1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n";
        assert_eq!(listening_inode(table, 8080), Some("4242"));
        assert_eq!(listening_inode(table, 8081), None);
    }

    #[test]
    fn a_listener_of_this_process_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let owner = owner(port).expect("an owner");
        assert!(owner.contains(&std::process::id().to_string()), "{owner}");
    }
}
