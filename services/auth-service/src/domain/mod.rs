//! Types and rules of accounts and sessions. No I/O.

pub mod account;
pub mod lifetime;
