//! Argon2id: parameters, memory, and hashes as PHC strings.

use std::sync::LazyLock;

use anyhow::{Context, bail};
use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use prometheus::{IntCounter, register_int_counter};
use secrecy::{ExposeSecret, SecretString};

use super::Verified;

/// OWASP's parameters for Argon2id: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

const SALT_BYTES: usize = 16;

/// glibc serves requests above 32 MiB with pages of their own, and gives those back when they are
/// freed; of smaller ones each thread would keep its share for ever. What is not touched costs
/// nothing.
const OWN_PAGES_BYTES: usize = 33 << 20;

static RUNS: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "devmentor_password_hashes_total",
        "Runs of Argon2id, to make a hash or to check one."
    )
    .expect("a metric is registered once")
});

/// Shown as 0 until the first run, instead of not at all.
pub(super) fn show_metrics() {
    LazyLock::force(&RUNS);
}

/// The memory of one thread. Argon2id overwrites all of it before it reads any.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0 = Vec::with_capacity(count.max(OWN_PAGES_BYTES / size_of::<Block>()));
            self.0.resize(count, Block::new());
        }
        &mut self.0[..count]
    }

    /// Back to the system.
    pub(super) fn give_back(&mut self) {
        self.0 = Vec::new();
    }
}

/// The PHC string of a password, with a new salt.
pub(super) fn hash(password: &SecretString, memory: &mut Memory) -> anyhow::Result<String> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    let mut salt = [0; SALT_BYTES];
    aws_lc_rs::rand::fill(&mut salt)?;
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    derive(password, &salt, &params, memory, &mut output)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(Output::new(&output)?),
    };
    Ok(hash.to_string())
}

/// Compared in constant time.
pub(super) fn verify(
    password: &SecretString,
    phc: &str,
    memory: &mut Memory,
) -> anyhow::Result<Verified> {
    // The parser's own words may hold parts of the hash.
    let held = PasswordHash::new(phc)
        .ok()
        .context("a stored hash is not one")?;
    let (Some(salt), Some(expected)) = (&held.salt, &held.hash) else {
        bail!("a stored hash has no salt or no output");
    };
    let params = Params::try_from(&held)?;
    let mut output = vec![0; expected.as_bytes().len()];
    derive(password, salt, &params, memory, &mut output)?;
    Ok(Verified {
        matches: verify_slices_are_equal(&output, expected.as_bytes()).is_ok(),
        outdated: params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES,
    })
}

/// A hash of today's parameters that no password is known for: random bytes in its place.
pub(super) fn nobody() -> anyhow::Result<String> {
    let mut bytes = [0; SALT_BYTES + Params::DEFAULT_OUTPUT_LEN];
    aws_lc_rs::rand::fill(&mut bytes)?;
    let (salt, hash) = bytes.split_at(SALT_BYTES);
    let (salt, hash) = (BASE64.encode(salt), BASE64.encode(hash));
    Ok(format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}"
    ))
}

fn derive(
    password: &SecretString,
    salt: &[u8],
    params: &Params,
    memory: &mut Memory,
    output: &mut [u8],
) -> argon2::Result<()> {
    RUNS.inc();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()).hash_password_into_with_memory(
        password.expose_secret().as_bytes(),
        salt,
        output,
        memory.blocks(params.block_count()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_have_todays_parameters_and_a_salt_of_their_own() {
        let mut memory = Memory::default();
        let [one, other] = [(); 2].map(|()| hash(&"same".into(), &mut memory).expect("a hash"));
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn memory_that_was_used_gives_the_same_hash() {
        let mut used = Memory::default();
        let made = hash(&"first".into(), &mut used).expect("a hash");
        let check = |memory: &mut Memory| verify(&"first".into(), &made, memory).expect("checked");
        assert!(check(&mut used).matches);
        assert!(check(&mut Memory::default()).matches);
        used.give_back();
        assert!(check(&mut used).matches);
    }

    #[test]
    fn a_hash_of_less_work_is_outdated() {
        for (params, outdated) in [
            ("m=64,t=1,p=1", true),
            ("m=19456,t=1,p=1", true),
            ("m=64,t=2,p=1", true),
            ("m=19456,t=2,p=1", false),
            ("m=32768,t=3,p=1", false),
        ] {
            let phc = nobody().expect("a hash");
            let phc = phc.replace("m=19456,t=2,p=1", params);
            let verified = verify(&"x".into(), &phc, &mut Memory::default());
            let verified = verified.expect("checked");
            assert_eq!((verified.matches, verified.outdated), (false, outdated));
        }
    }

    #[test]
    fn what_is_no_hash_is_an_error_that_repeats_nothing() {
        for junk in ["", "junk", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ"] {
            let error = verify(&"x".into(), junk, &mut Memory::default());
            let error = format!("{:#}", error.expect_err("no hash"));
            assert!(error.starts_with("a stored hash"), "{error}");
        }
    }
}
