//! The `devmentor` command from outside.

mod lone;
mod platform;
mod private;
mod redis;
mod running;
mod session;
mod tour;
mod up;
mod usage;
