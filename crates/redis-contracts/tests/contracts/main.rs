//! The exact bytes that everything else relies on.

mod events;
mod names;
mod positions;
mod sessions;
mod timestamps;
mod topics;
