//! Limits beside a real Redis, and without it.

mod day_share;
mod windows;
