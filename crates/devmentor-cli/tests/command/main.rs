//! The `devmentor` command from outside.

mod platform;
mod running;
mod tour;
mod up;
mod usage;
