//! Argon2id in a bounded pool: a storm of sign-ins waits here and stalls nothing else.

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::bail;
use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use secrecy::{ExposeSecret, SecretString};
use service_kit::Problem;
use tokio::sync::Semaphore;

/// OWASP's parameters for Argon2id: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

const SALT_BYTES: usize = 16;

/// Hashes that may wait for a thread.
const WAITING: usize = 64;

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    threads: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// Checked for accounts that do not exist, so that they take as long as those that do.
    nobody: Arc<str>,
}

impl Passwords {
    /// A pool of one thread fewer than cores.
    pub fn start() -> anyhow::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self {
            threads: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
            waiting: Arc::default(),
            nobody: nobody()?.into(),
        })
    }

    /// The PHC string of a password.
    pub async fn hash(&self, password: SecretString) -> Result<String, Problem> {
        self.run(move || {
            let mut salt = [0; SALT_BYTES];
            aws_lc_rs::rand::fill(&mut salt).map_err(Problem::internal)?;
            phc(&password, &salt).map_err(Problem::internal)
        })
        .await?
    }

    /// Whether the password is the one of this hash; without a hash, as much work for a `false`.
    pub async fn verify(
        &self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<bool, Problem> {
        let nobody = Arc::clone(&self.nobody);
        self.run(move || {
            let held = hash.as_deref().unwrap_or(&nobody);
            let matches = is_of(&password, held).map_err(Problem::internal)?;
            Ok(matches && hash.is_some())
        })
        .await?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let _place = Place::take(&self.waiting)?;
        let busy = |_| Problem::unavailable("The sign-in service (too many people sign in)");
        let permit = Arc::clone(&self.threads)
            .acquire_owned()
            .await
            .map_err(busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(Problem::internal)
    }
}

/// A place in the queue, until it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, Problem> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            return Err(Problem::unavailable(
                "The sign-in service (too many people sign in)",
            ));
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// glibc serves requests above 32 MiB with pages of their own, and gives those back when they are
/// freed; of smaller ones each thread would keep its share for ever. What is not touched costs
/// nothing.
const OWN_PAGES_BYTES: usize = 33 << 20;

fn phc(password: &SecretString, salt: &[u8]) -> anyhow::Result<String> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    let mut bytes = [0; Params::DEFAULT_OUTPUT_LEN];
    derive(password, salt, &params, &mut bytes)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(&bytes)?),
    };
    Ok(hash.to_string())
}

/// Compared in constant time.
fn is_of(password: &SecretString, phc: &str) -> anyhow::Result<bool> {
    let held = PasswordHash::new(phc)?;
    let (Some(salt), Some(expected)) = (&held.salt, &held.hash) else {
        bail!("a stored hash has no salt or no output");
    };
    let params = Params::try_from(&held)?;
    let mut bytes = vec![0; expected.as_bytes().len()];
    derive(password, salt, &params, &mut bytes)?;
    Ok(verify_slices_are_equal(&bytes, expected.as_bytes()).is_ok())
}

fn derive(
    password: &SecretString,
    salt: &[u8],
    params: &Params,
    output: &mut [u8],
) -> argon2::Result<()> {
    let mut memory = Vec::with_capacity(
        params
            .block_count()
            .max(OWN_PAGES_BYTES / size_of::<Block>()),
    );
    memory.resize(params.block_count(), Block::new());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()).hash_password_into_with_memory(
        password.expose_secret().as_bytes(),
        salt,
        output,
        &mut memory,
    )
}

/// A hash of the same parameters that no password is known for: random bytes in its place.
fn nobody() -> anyhow::Result<String> {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
    let mut bytes = [0; SALT_BYTES + 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    let (salt, hash) = bytes.split_at(SALT_BYTES);
    let (salt, hash) = (BASE64.encode(salt), BASE64.encode(hash));
    Ok(format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash() {
        let passwords = Passwords::start().expect("a pool");
        let hash = passwords
            .hash("correct horse".into())
            .await
            .expect("a hash");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(
            passwords
                .verify("correct horse".into(), Some(hash.clone()))
                .await
                .expect("checked")
        );
        assert!(
            !passwords
                .verify("wrong horse".into(), Some(hash))
                .await
                .expect("checked")
        );
        assert!(
            !passwords
                .verify("correct horse".into(), None)
                .await
                .expect("checked")
        );
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let passwords = Passwords::start().expect("a pool");
        passwords.waiting.store(WAITING, Ordering::Relaxed);
        let refused = passwords
            .hash("correct horse".into())
            .await
            .expect_err("full");
        assert_eq!(refused.code.http_status(), 503);
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), WAITING);
    }

    #[test]
    fn nobodys_hash_can_be_checked() {
        let hash = nobody().expect("a hash");
        assert!(!is_of(&"x".into(), &hash).expect("checked"));
    }
}
