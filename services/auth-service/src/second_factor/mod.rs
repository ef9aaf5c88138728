//! The second factor of a sign-in: codes of an authenticator app, and recovery codes in their place.

mod recovery;
mod sealed;
mod totp;

pub use recovery::{recovery_codes, recovery_hash};
pub use sealed::{open, seal};
pub use totp::{base32, check, new_secret, qr_svg, uri};
