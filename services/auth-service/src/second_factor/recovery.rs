//! Recovery codes: each stands in for a code of the app once.

use aws_lc_rs::digest::{SHA256, digest};

/// How many somebody is given.
const CODES: usize = 10;

/// Digits and letters without those that look like another (i, l, o) and without u: Crockford's.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Of 5 bits each: 60 bits, too many to guess, so that a plain SHA-256 is enough at rest.
const LETTERS: usize = 12;
const GROUP: usize = 4;

/// New codes, `xxxx-xxxx-xxxx`.
pub fn recovery_codes() -> anyhow::Result<Vec<String>> {
    (0..CODES).map(|_| recovery_code()).collect()
}

/// What is kept of a code: SHA-256 of its one form. Case, blanks and dashes do not count, and letters
/// that look like a digit are read as that. Nothing for what is no code.
pub fn recovery_hash(code: &str) -> Option<[u8; 32]> {
    let form: String = code
        .chars()
        .filter(|character| !character.is_whitespace() && *character != '-')
        // No further than it could be one.
        .take(LETTERS + 1)
        .map(read)
        .collect();
    let is_code = form.len() == LETTERS && form.bytes().all(|byte| ALPHABET.contains(&byte));
    is_code.then(|| digest(&SHA256, form.as_bytes()).as_ref().try_into().ok())?
}

fn recovery_code() -> anyhow::Result<String> {
    let mut bytes = [0; LETTERS];
    aws_lc_rs::rand::fill(&mut bytes)?;
    // 256 is a multiple of 32, so each letter is as likely as any other.
    let letters = bytes.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
    let groups = letters.chunks(GROUP).map(String::from_iter);
    Ok(groups.collect::<Vec<_>>().join("-"))
}

fn read(character: char) -> char {
    match character.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ten_different_codes_of_one_shape() {
        let codes = recovery_codes().expect("codes");
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 10);
        for code in codes {
            assert_eq!(code.len(), 14, "{code}");
            assert!(code.split('-').all(|group| group.len() == GROUP), "{code}");
            assert!(recovery_hash(&code).is_some(), "{code}");
        }
    }

    #[test]
    fn a_code_is_known_however_it_is_written() {
        let hash = recovery_hash("0a1b-2c3d-4e5f");
        assert!(hash.is_some());
        for same in [
            "0A1B-2C3D-4E5F",
            " 0a1b 2c3d 4e5f\n",
            "oaIb2c3d4e5f",
            "Oal--b2c3d4e5f",
        ] {
            assert_eq!(recovery_hash(same), hash, "{same}");
        }
        assert_ne!(recovery_hash("0a1b-2c3d-4e5g"), hash);
    }

    #[test]
    fn what_is_no_code_has_no_hash() {
        let long = "0".repeat(1 << 20);
        for junk in [
            "",
            "123456",
            "0a1b-2c3d-4e5",
            "0a1b-2c3d-4e5f-6",
            "0a1b-2c3d-4e5u",
            &long,
        ] {
            assert_eq!(recovery_hash(junk), None);
        }
    }
}
