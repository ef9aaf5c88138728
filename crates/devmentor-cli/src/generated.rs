//! Passwords that nobody has to think of.

use rand::RngExt;
use secrecy::SecretString;

const LENGTH: usize = 24;

/// Another one each time, of letters and digits.
pub(crate) fn password() -> SecretString {
    let letters = rand::rng().sample_iter(rand::distr::Alphanumeric);
    letters
        .take(LENGTH)
        .map(char::from)
        .collect::<String>()
        .into()
}
