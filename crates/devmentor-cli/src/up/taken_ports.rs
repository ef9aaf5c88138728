//! Ports that are taken before anything is started.
//!
//! Some of ours lie where the kernel takes ports from for the near end of any connection. Such a
//! connection ends, so its port is waited for; who listens on one stays, and is named at once.

use std::{
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use anyhow::bail;
use tokio::time::{Instant, sleep};

use super::port_owner::Owner;
use crate::output;

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a connection may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// The kernel keeps the port of a connection for 60 s after it was closed.
const KEPT_FOR: Duration = Duration::from_secs(65);

/// A port that cannot be listened on.
struct Taken {
    name: &'static str,
    port: u16,
    owner: Owner,
}

/// Returns when all of them are free; names who has one that does not become free.
pub(super) async fn wait(ports: &[(&'static str, u16)]) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut told = false;
    loop {
        let taken: Vec<_> = ports.iter().filter_map(taken).collect();
        if taken.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = taken.iter().map(Taken::told).collect();
        let list = list.join("\n");
        if taken
            .iter()
            .any(|taken| began.elapsed() >= taken.patience())
        {
            bail!("{list}\nstop what has them, or give --port-offset N");
        }
        if !told {
            output::tell(&format!("{list}\nwaiting for it to become free"));
            told = true;
        }
        sleep(LOOK_EVERY).await;
    }
}

fn taken((name, port): &(&'static str, u16)) -> Option<Taken> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).err()?;
    Some(Taken {
        name,
        port: *port,
        owner: Owner::of(*port),
    })
}

impl Taken {
    fn told(&self) -> String {
        format!(
            "port {} of {} is taken by {}",
            self.port, self.name, self.owner
        )
    }

    fn patience(&self) -> Duration {
        match self.owner {
            Owner::Listener(_) => Duration::ZERO,
            Owner::Connection(_) | Owner::Unknown => ENDS_WITHIN,
            Owner::Closed => KEPT_FOR,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use tokio::task::yield_now;

    use super::*;

    /// A connection, its far end, and the port it begins at.
    fn connection() -> (TcpStream, TcpStream, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (far, _) = listener.accept().expect("accepted");
        let port = near.local_addr().expect("bound").port();
        (near, far, port)
    }

    #[tokio::test]
    async fn who_listens_is_named_at_once() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let began = Instant::now();
        let refused = wait(&[("auth-service", port)]).await.expect_err("taken");
        let told = refused.to_string();
        let process = format!("port {port} of auth-service is taken by process");
        assert!(told.contains(&process), "{told}");
        assert!(began.elapsed() < ENDS_WITHIN);
    }

    #[tokio::test]
    async fn the_port_of_a_connection_is_waited_for() {
        let (near, far, port) = connection();
        let ports = [("auth-service", port)];
        let waited = wait(&ports);
        let ended = async {
            // The far end first: then the kernel does not keep the near one.
            yield_now().await;
            drop(far);
            drop(near);
        };
        let (waited, ()) = tokio::join!(waited, ended);
        waited.expect("free in the end");
    }

    #[tokio::test]
    async fn a_connection_that_stays_is_named_in_the_end() {
        let (_near, _far, port) = connection();
        let refused = wait(&[("auth-service", port)]).await.expect_err("taken");
        let told = refused.to_string();
        let process = format!("a connection of process {}", std::process::id());
        assert!(told.contains(&process), "{told}");
    }
}
