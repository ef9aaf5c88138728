//! The `devmentor` command from outside.

mod running;
mod up;
mod usage;
