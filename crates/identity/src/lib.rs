//! Who calls: every process that takes a caller's token checks its signature and its session.

mod answers;
mod asking;
mod caller;
mod credential;
mod guard;
mod intake;
mod jwks;
mod machine;
mod signed_copy;
mod slides;
mod token;

pub use caller::{ADMIN, Caller};
pub use credential::{GatewayCredential, gateway_credential};
pub use guard::{Guard, bearer};
pub use jwks::{JwksSource, keys_from_jwks};
pub use machine::{MACHINE_TOKEN_PREFIX, MachineToken};
pub use signed_copy::{BadCopy, check_copy, sign_copy};
pub use slides::{QUARTERS_OF_LIFE, is_slide_due, is_use_noted};
pub use token::{ACCESS_TOKEN_TYPE, Claims, KeySet, TokenVerifier};
