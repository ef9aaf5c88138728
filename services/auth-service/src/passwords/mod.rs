//! Passwords, hashed with Argon2id on threads of their own: a storm of sign-ins waits there and stalls
//! nothing else.

mod argon;
mod failure;
mod threads;
mod waiting;

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use service_kit::Problem;

use crate::domain::password_strength::check_strength;

pub use failure::failure_hash;
pub use waiting::Line;

/// Hashes and checks passwords. Cheap to clone; the threads end with the last clone.
#[derive(Clone)]
pub struct Passwords {
    threads: threads::Threads,
    /// Checked for accounts that do not exist, so that they take as long as those that do.
    nobody: Arc<str>,
}

/// What a check of a password gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The password is the one of the hash.
    pub matches: bool,
    /// The hash was made with less work than is asked for today. Once its password is known, it
    /// should be made anew.
    pub outdated: bool,
}

impl Passwords {
    /// One thread fewer than cores.
    pub fn start() -> anyhow::Result<Self> {
        argon::show_metrics();
        Ok(Self {
            threads: threads::Threads::start()?,
            nobody: argon::nobody()?.into(),
        })
    }

    /// The PHC string of a password that somebody chose; one that is easy to guess is refused under
    /// the name of its field. `known_words` are what others may know of them.
    pub async fn hash_chosen(
        &self,
        field: &str,
        password: SecretString,
        known_words: Vec<String>,
        line: Line,
    ) -> Result<String, Problem> {
        let hashed = self.threads.run(line, move |memory| {
            check_strength(password.expose_secret(), &known_words)
                .map(|()| argon::hash(&password, memory))
        });
        match hashed.await? {
            Ok(hashed) => hashed.map_err(Problem::internal),
            Err(weakness) => Err(Problem::invalid_field(field, weakness)),
        }
    }

    /// The PHC string of a password: one run of Argon2id.
    pub async fn hash(&self, password: SecretString, line: Line) -> Result<String, Problem> {
        let hashed = self
            .threads
            .run(line, move |memory| argon::hash(&password, memory))
            .await?;
        hashed.map_err(Problem::internal)
    }

    /// Whether the password is the one of this hash; without a hash, as much work for a no. One run
    /// of Argon2id in each case.
    pub async fn verify(
        &self,
        password: SecretString,
        hash: Option<String>,
        line: Line,
    ) -> Result<Verified, Problem> {
        let nobody = Arc::clone(&self.nobody);
        let verified = self.threads.run(line, move |memory| {
            let held = hash.as_deref().unwrap_or(&nobody);
            let verified = argon::verify(&password, held, memory)?;
            anyhow::Ok(Verified {
                matches: verified.matches && hash.is_some(),
                ..verified
            })
        });
        verified.await?.map_err(Problem::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash() {
        let passwords = Passwords::start().expect("threads");
        let hash = passwords.hash("correct horse".into(), Line::own()).await;
        let hash = hash.expect("a hash");
        for (password, held, matches) in [
            ("correct horse", Some(&hash), true),
            ("wrong horse", Some(&hash), false),
            ("correct horse", None, false),
        ] {
            let verified = passwords
                .verify(password.into(), held.cloned(), Line::own())
                .await;
            let expected = Verified {
                matches,
                outdated: false,
            };
            assert_eq!(verified, Ok(expected), "{password}");
        }
    }

    #[tokio::test]
    async fn a_password_that_is_easy_to_guess_is_refused_under_its_field() {
        let passwords = Passwords::start().expect("threads");
        let choose = |password: &str| {
            passwords.hash_chosen(
                "new_password",
                password.into(),
                vec!["reader".to_owned()],
                Line::own(),
            )
        };
        let refused = choose("Reader2024").await.expect_err("weak");
        assert_eq!(refused.code.name(), "invalid");
        assert_eq!(refused.errors[0].field, "new_password");
        assert!(choose("correct horse battery staple").await.is_ok());
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_is_a_fault_of_ours() {
        let passwords = Passwords::start().expect("threads");
        let fault = passwords
            .verify("x".into(), Some("junk".to_owned()), Line::own())
            .await;
        assert_eq!(fault.expect_err("a fault").code.http_status(), 500);
    }
}
