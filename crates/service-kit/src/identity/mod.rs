//! Who calls: every process that takes a caller's token checks its signature and its session.

mod guard;
mod jwks;
mod token;

pub use guard::{Caller, Guard, SESSION_SLIDE, bearer};
pub use jwks::{JwksSource, keys_from_jwks};
pub use token::{ACCESS_TOKEN_TYPE, Claims, KeySet, TokenVerifier};
