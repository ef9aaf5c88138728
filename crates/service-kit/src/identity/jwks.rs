//! The public keys of access tokens, RFC 7517 and RFC 8037, from where auth-service publishes them.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, JwkSet},
};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{KeySet, TokenVerifier};
use redis_access::Backoff;

/// A token with an unknown key makes the keys be fetched at most so often.
const REFRESH_AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// How often a fetch that failed may be tried again.
const RETRY_AT_MOST_EVERY: Duration = Duration::from_millis(250);

/// Fetches the keys of a verifier.
pub struct JwksSource {
    client: reqwest::Client,
    url: String,
    fetches: Mutex<Fetches>,
}

struct Fetches {
    last_ended: Option<Instant>,
    next: Instant,
}

/// The Ed25519 keys of a JWK set; others are not for us.
pub fn keys_from_jwks(json: &str) -> anyhow::Result<KeySet> {
    let set: JwkSet = serde_json::from_str(json)?;
    let mut keys = KeySet::new();
    for jwk in set.keys {
        if let (Some(kid), AlgorithmParameters::OctetKeyPair(_)) =
            (&jwk.common.key_id, &jwk.algorithm)
        {
            keys.insert(kid.clone(), DecodingKey::from_jwk(&jwk)?);
        }
    }
    Ok(keys)
}

impl JwksSource {
    /// A source at `url`.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            url: url.to_owned(),
            fetches: Mutex::new(Fetches {
                last_ended: None,
                next: Instant::now(),
            }),
        })
    }

    /// Fetches the keys until they are there once; run it supervised at the start.
    pub(crate) async fn fetch_first(
        &self,
        verifier: &Arc<TokenVerifier>,
        stop: &CancellationToken,
    ) {
        let mut backoff = Backoff::new(Duration::from_millis(25), Duration::from_secs(1));
        while !verifier.has_keys() {
            self.refresh(verifier).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(backoff.next_wait()), if !verifier.has_keys() => {}
                else => {}
            }
        }
    }

    /// Fetches the keys, unless that was done just before. Without any key nobody can be checked:
    /// then the time for the next fetch is waited for.
    pub(crate) async fn refresh(&self, verifier: &TokenVerifier) {
        let asked = Instant::now();
        let mut fetches = self.fetches.lock().await;
        let fetched_meanwhile = fetches.last_ended.is_some_and(|ended| ended >= asked);
        if fetched_meanwhile || (Instant::now() < fetches.next && verifier.has_keys()) {
            return;
        }
        tokio::time::sleep_until(fetches.next).await;
        let wait = match self.fetch().await {
            Ok(keys) => {
                verifier.replace_keys(keys);
                REFRESH_AT_MOST_EVERY
            }
            Err(error) => {
                tracing::debug!(error = %error, "the keys of access tokens cannot be fetched");
                RETRY_AT_MOST_EVERY
            }
        };
        let ended = Instant::now();
        *fetches = Fetches {
            last_ended: Some(ended),
            next: ended + wait,
        };
    }

    async fn fetch(&self) -> anyhow::Result<KeySet> {
        let answer = self
            .client
            .get(&self.url)
            .send()
            .await?
            .error_for_status()?;
        keys_from_jwks(&answer.text().await?)
    }
}
