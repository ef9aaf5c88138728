//! The users of a Redis that `devmentor up` starts. All have its password: that keeps others out. The
//! narrower ones keep a person at a prompt from changing or stopping something by accident.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

/// Reads and listens.
pub(crate) const READER: &str = "reader";
/// Writes as well.
pub(crate) const WRITER: &str = "writer";

const RULES: [(&str, &str); 3] = [
    ("default", "+@all"),
    (
        READER,
        "+@read +@connection +@pubsub -publish -spublish -@dangerous +info",
    ),
    (WRITER, "+@all -@dangerous +info"),
];

/// Lines of a configuration. They hold a hash: it is enough for Redis, and a password of any characters
/// fits.
pub(crate) fn configuration(password: &SecretString) -> String {
    let hash = digest(&SHA256, password.expose_secret().as_bytes());
    let mut hex = String::new();
    for byte in hash.as_ref() {
        let _ = write!(hex, "{byte:02x}");
    }
    let user = |(name, rules)| format!("user {name} on #{hex} ~* &* {rules}\n");
    RULES.map(user).concat()
}
