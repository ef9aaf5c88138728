//! What happens to accounts, in order. What comes in and goes out is of the domain's own types, and
//! neither of gRPC nor of HTTP: `grpc/` translates.

mod origin;
mod place;

pub use self::{
    origin::Origin,
    place::{Knows, Place, UNKNOWN},
};
