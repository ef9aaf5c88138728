//! Types and rules of accounts and sessions. No I/O.

pub mod account;
pub mod email_change;
pub mod letters;
pub mod lifetime;
pub mod machine_token;
pub mod password_strength;
pub mod refresh;
pub mod secret;
pub mod steady_clock;
