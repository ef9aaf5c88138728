//! What an event teaches.

mod lesson;

pub(crate) use lesson::{Taught, lesson};
