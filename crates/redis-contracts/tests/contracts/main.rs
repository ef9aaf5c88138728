//! The exact bytes that everything else relies on.

mod events;
mod names;
mod positions;
mod profiles;
mod released;
mod sessions;
mod timestamps;
mod topics;
