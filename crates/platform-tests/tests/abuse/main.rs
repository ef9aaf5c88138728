//! Attacks on a running platform, each beside a bystander who must not notice: an account that patches,
//! reads, listens, opens sockets and subscribes, each call on a connection of its own.
//!
//! As a test, each attack is short, and the bystander has to be answered. `make abuse` runs them for
//! longer, holds the bystander's times against those of a calm platform, and prints a table.

mod attacker;
mod bulk;
mod bystander;
mod connections;
mod report;
mod sockets;
mod work;

pub(crate) use attacker::{Raw, attack};
pub(crate) use report::Abuse;
