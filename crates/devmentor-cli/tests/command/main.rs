//! The `devmentor` command from outside.

mod platform;
mod running;
mod session;
mod tour;
mod up;
mod usage;
