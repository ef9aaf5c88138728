//! What is remembered of a wrong password.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Enough to know the same wrong password again, so that a program that repeats an old one locks nobody
/// out: another one passes for it once in 65,536 times. Too little to find out what it was, also for who
/// has the key: of a list of likely passwords, each is shared by many.
const KEPT_BYTES: usize = 2;

/// HMAC-SHA256 of account and password, truncated, as hexadecimal text.
pub fn failure_hash(key: &[u8; 32], account: &str, password: &SecretString) -> String {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    // The length comes first, so that no two pairs are the same bytes.
    mac.update(&account.len().to_be_bytes());
    mac.update(account.as_bytes());
    mac.update(password.expose_secret().as_bytes());
    let tag = mac.sign();
    let kept = tag.as_ref().iter().take(KEPT_BYTES);
    kept.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_depends_on_key_account_and_password_and_is_short() {
        let of = |key: u8, account: &str, password: &str| {
            failure_hash(&[key; 32], account, &password.into())
        };
        let hash = of(1, "a@example.com", "wrong");
        assert_eq!(hash, of(1, "a@example.com", "wrong"));
        assert_eq!(hash.len(), 2 * KEPT_BYTES);
        for other in [
            of(2, "a@example.com", "wrong"),
            of(1, "b@example.com", "wrong"),
            of(1, "a@example.com", "wrong "),
            of(1, "a@example.comw", "rong"),
        ] {
            assert_ne!(hash, other);
        }
    }
}
