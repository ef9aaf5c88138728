//! Types and rules of projects, tasks and comments. No I/O.

pub mod archive;
pub mod attention;
pub mod board;
pub mod cursor;
pub mod fields;
pub mod rank;
