//! Secrets at rest that have to be read again: AES-256-GCM.

use anyhow::anyhow;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

/// Seals `plain`: a random nonce, then what it became, then the tag. `of` says whose it is; it can be
/// opened with the same alone, so that a row's secret is worth nothing in another row.
pub fn seal(key: &[u8; 32], plain: &[u8], of: &[u8]) -> anyhow::Result<Vec<u8>> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key)?;
    let mut sealed = plain.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(of), &mut sealed)?;
    sealed.splice(..0, nonce.as_ref().iter().copied());
    Ok(sealed)
}

/// What was sealed with this key for `of`.
pub fn open(key: &[u8; 32], sealed: &[u8], of: &[u8]) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let wrong = || anyhow!("a sealed secret was not made with this key, or was changed");
    let key = RandomizedNonceKey::new(&AES_256_GCM, key)?;
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce)?;
    let mut plain = Zeroizing::new(rest.to_vec());
    let length = key
        .open_in_place(nonce, Aad::from(of), &mut plain)
        .map_err(|_| wrong())?
        .len();
    plain.truncate(length);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn what_is_sealed_is_opened_with_the_same_key_for_the_same_owner_alone() {
        let sealed = seal(&KEY, b"secret", b"ann").expect("sealed");
        assert_ne!(sealed, seal(&KEY, b"secret", b"ann").expect("sealed"));
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        let opened = open(&KEY, &sealed, b"ann").expect("opened");
        assert_eq!(opened.as_slice(), b"secret");
        assert!(open(&[8; 32], &sealed, b"ann").is_err());
        assert!(open(&KEY, &sealed, b"bob").is_err());
    }

    #[test]
    fn what_was_changed_or_cut_is_refused() {
        let sealed = seal(&KEY, b"secret", b"ann").expect("sealed");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(open(&KEY, &changed, b"ann").is_err(), "{index}");
            assert!(open(&KEY, &sealed[..index], b"ann").is_err(), "{index}");
        }
    }
}
