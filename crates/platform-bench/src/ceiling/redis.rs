//! Bare XADD.

use redis::aio::MultiplexedConnection;

use crate::load::{Load, Step};

/// Appends the same payload again and again.
pub struct Xadd {
    connection: MultiplexedConnection,
    payload: String,
}

impl Xadd {
    /// This many at a time over one connection.
    pub fn load(connection: &MultiplexedConnection, in_flight: usize, payload: &str) -> Load<Self> {
        let worker = || Self {
            connection: connection.clone(),
            payload: payload.to_owned(),
        };
        Load::new(std::iter::repeat_with(worker).take(in_flight).collect())
    }
}

impl Step for Xadd {
    async fn step(&mut self) -> anyhow::Result<()> {
        let mut command = redis::cmd("XADD");
        command
            .arg("bench")
            .arg("*")
            .arg("event")
            .arg(&self.payload);
        Ok(command.exec_async(&mut self.connection).await?)
    }
}
