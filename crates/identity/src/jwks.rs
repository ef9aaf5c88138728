//! The public keys of access tokens, RFC 7517 and RFC 8037, from where auth-service publishes them.
//!
//! They are fetched at the start, once a minute, when Redis tells that there are others, every few
//! seconds while it can tell nothing, and when a token names a key that is not known, which strangers can
//! do, so that this is counted apart.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::ensure;
use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, JwkSet},
};
use redis_access::{Backoff, Change, Changes, Tracking};
use redis_contracts::keys::SIGNING_KEYS;
use tokio::{sync::Mutex, time::Instant};

use super::{KeySet, TokenVerifier};

/// How often the keys are fetched when nobody says that they have changed.
const FETCH_EVERY: Duration = Duration::from_secs(60);

/// How often while nobody can say so.
const FETCH_UNTOLD_EVERY: Duration = Duration::from_secs(5);

/// Tokens with an unknown key make the keys be fetched at most so often.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// How often a fetch that failed may be tried again.
const RETRY_AT_MOST_EVERY: Duration = Duration::from_millis(250);

/// How long keys that Redis tells of are looked for.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(10);

/// Keys are small; more than this is not a set of them.
const LARGEST: usize = 256 * 1024;

/// Fetches the keys of a verifier.
pub struct JwksSource {
    client: reqwest::Client,
    url: String,
    /// One fetch at a time.
    looks: Mutex<Looks>,
    published: RwLock<Option<Arc<str>>>,
    /// Called when a key was withdrawn.
    withdrawn: Box<dyn Fn() + Send + Sync>,
}

/// Fetches for the sake of unknown keys.
struct Looks {
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
    /// A source at `url`. `withdrawn` is called when a key was withdrawn: what it signed counts no more.
    pub fn new(url: &str, withdrawn: impl Fn() + Send + Sync + 'static) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            url: url.to_owned(),
            looks: Mutex::new(Looks {
                last_ended: None,
                next: Instant::now(),
            }),
            published: RwLock::default(),
            withdrawn: Box::new(withdrawn),
        })
    }

    /// The keys as they were fetched last.
    pub(crate) fn published(&self) -> Option<Arc<str>> {
        let held = self.published.read();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the keys in step with what is published, for ever.
    pub(crate) async fn keep(&self, verifier: &TokenVerifier, tracking: &Tracking) {
        let mut backoff = Backoff::new(Duration::from_millis(25), Duration::from_secs(1));
        let mut told = KeyAnnouncements::new(tracking);
        loop {
            let fetched = {
                let _turn = self.looks.lock().await;
                self.fetch(verifier).await
            };
            let wait = if fetched && told.is_found(verifier) {
                backoff.reset();
                FETCH_EVERY
            } else {
                backoff.next_wait()
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = told.others(tracking, verifier) => {}
                () = untold(tracking) => {}
            }
        }
    }

    /// Fetches the keys because a token names one that is not known, unless that was done just before.
    /// Those who come meanwhile wait for the one fetch. Without any key nobody can be checked: then the
    /// time for the next fetch is waited for.
    pub(crate) async fn look_for(&self, kid: &str, verifier: &TokenVerifier) {
        let asked = Instant::now();
        let mut looks = self.looks.lock().await;
        let looked_meanwhile = looks.last_ended.is_some_and(|ended| ended >= asked);
        let too_soon = Instant::now() < looks.next && verifier.has_keys();
        if verifier.knows(kid) || looked_meanwhile || too_soon {
            return;
        }
        tokio::time::sleep_until(looks.next).await;
        // Before the fetch: who asked may go away in the middle of it, and be back at once.
        looks.next = Instant::now() + look_again_after(verifier.has_keys());
        let fetched = self.fetch(verifier).await;
        let ended = Instant::now();
        *looks = Looks {
            last_ended: Some(ended),
            next: ended + look_again_after(fetched),
        };
    }

    /// Fetches the keys; when that fails, those that are known stay.
    async fn fetch(&self, verifier: &TokenVerifier) -> bool {
        let fetched = self.get().await.and_then(|json| {
            let keys = keys_from_jwks(&json)?;
            ensure!(!keys.is_empty(), "no Ed25519 key is published");
            Ok((json, keys))
        });
        match fetched {
            Ok((json, keys)) => {
                if verifier.replace_keys(keys) {
                    (self.withdrawn)();
                }
                let published = self.published.write();
                *published.unwrap_or_else(PoisonError::into_inner) = Some(json.into());
                true
            }
            Err(error) => {
                tracing::debug!(error = %error, "the keys of access tokens cannot be fetched");
                false
            }
        }
    }

    async fn get(&self) -> anyhow::Result<String> {
        let answer = self.client.get(&self.url).send().await?;
        let mut answer = answer.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            ensure!(body.len() + chunk.len() <= LARGEST, "too much for keys");
            body.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8(body)?)
    }
}

const fn look_again_after(has_keys: bool) -> Duration {
    match has_keys {
        true => LOOK_AT_MOST_EVERY,
        false => RETRY_AT_MOST_EVERY,
    }
}

/// Returns when Redis can tell nothing, after a while.
async fn untold(tracking: &Tracking) {
    loop {
        tokio::time::sleep(FETCH_UNTOLD_EVERY).await;
        if !tracking.is_alive() {
            return;
        }
    }
}

/// What Redis tells of the keys.
struct KeyAnnouncements {
    changes: Changes,
    /// The ids that the keys were fetched for, and when they were heard.
    heard: Vec<String>,
    heard_at: Instant,
}

impl KeyAnnouncements {
    fn new(tracking: &Tracking) -> Self {
        Self {
            changes: tracking.changes(),
            heard: Vec::new(),
            heard_at: Instant::now(),
        }
    }

    /// Whether the keys that were heard of are known. A replica of auth-service may publish them a moment
    /// after another has told of them; what is not there for long has been withdrawn.
    fn is_found(&self, verifier: &TokenVerifier) -> bool {
        self.heard.iter().all(|kid| verifier.knows(kid))
            || self.heard_at.elapsed() > PUBLISHED_WITHIN
    }

    /// Returns when other keys are published than were fetched, or may be. Cancel safe.
    async fn others(&mut self, tracking: &Tracking, verifier: &TokenVerifier) {
        let key = SIGNING_KEYS.key(());
        let mut changed = false;
        loop {
            // Once it was read, its next change is told.
            match tracking.read(&key).await {
                Ok(Some(ids)) if ids.kids != self.heard => {
                    let others = !verifier.has_just(&ids.kids);
                    (self.heard, self.heard_at) = (ids.kids, Instant::now());
                    if others {
                        return;
                    }
                }
                // What it told is gone, perhaps before it was heard.
                Ok(None) if changed => return,
                _ => {}
            }
            changed = true;
            loop {
                match self.changes.next().await {
                    Change::All => break,
                    Change::Key(name) if *name == *key.name() => break,
                    Change::Key(_) => {}
                }
            }
        }
    }
}
