//! What an event teaches, and what is made of it.

mod lesson;
mod policy;

pub(crate) use lesson::{Taught, lesson};
pub(crate) use policy::POLICY;
