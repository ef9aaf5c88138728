//! The keys of access tokens and of the hot copies of sessions. Each process signs with a key of its own,
//! whose private half never leaves its disk; the public halves of all replicas are in SQL, and published
//! together.
//!
//! A new key is published before it signs: Redis tells everybody who verifies tokens to fetch the keys
//! again, and the old one signs on until they have.

mod files;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use arc_swap::ArcSwap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use redis_access::CachePool;
use redis_contracts::{
    COPY_GOOD_FOR, Timestamp,
    keys::{SIGNING_KEYS, SigningKeyIds},
};
use serde_json::json;
use service_kit::Problem;
use tokio_util::sync::CancellationToken;

pub use files::PrivateKey;

use crate::store::{PublicKey, Store};

/// A new key signs after this when Redis has told everybody of it.
const KNOWN_AFTER: Duration = Duration::from_secs(2);

/// A new key signs after this when Redis could not tell: everybody fetches the keys once a minute.
const SURELY_KNOWN_AFTER: Duration = Duration::from_secs(120);

/// How often keys of other replicas are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a key is said to be in use.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// A key that nobody signs with any more stays published for the life of its tokens, and for as long as
/// the hot copies that it signed are good.
const OLD_MARGIN_S: u64 = COPY_GOOD_FOR.as_secs();

/// The key of a process that was not seen for this long is withdrawn, beside the life of its tokens.
const GONE_AFTER_S: u64 = 7 * 86_400;

/// The keys that sign and verify. Cheap to clone.
#[derive(Clone)]
pub struct KeyRing {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    store: Store,
    cache: CachePool,
    token_life_s: u64,
    own: Mutex<Own>,
    published: ArcSwap<Published>,
    /// One rotation at a time. Holds the last wish for new keys that was followed: clocks of replicas
    /// differ, so that a new key may look older than the wish for it.
    followed: tokio::sync::Mutex<Option<Timestamp>>,
}

/// The keys of this process.
struct Own {
    current: Arc<PrivateKey>,
    next: Option<(Arc<PrivateKey>, Instant)>,
}

impl Own {
    /// The newest key, and from when on it signs.
    fn newest(&self) -> (Arc<PrivateKey>, Instant) {
        match &self.next {
            Some((next, from)) => (Arc::clone(next), *from),
            None => (Arc::clone(&self.current), Instant::now()),
        }
    }
}

/// The public keys as they are told.
pub struct Published {
    keys: Vec<PublicKey>,
    /// A JWK set, RFC 7517 and RFC 8037.
    pub jwks: String,
}

impl Published {
    fn new(keys: Vec<PublicKey>) -> Self {
        let jwk = |key: &PublicKey| {
            json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid,
                "x": BASE64URL.encode(&key.public_key),
            })
        };
        let jwks = json!({ "keys": keys.iter().map(jwk).collect::<Vec<_>>() }).to_string();
        Self { keys, jwks }
    }
}

fn moment_in(wait: Duration) -> Timestamp {
    let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_ms(Timestamp::now().unix_ms().saturating_add(ms))
}

impl KeyRing {
    /// The keys in `<data_dir>/keys`; the first start makes one. A replica that joins others waits until
    /// they can know its key.
    pub async fn load(
        data_dir: &Path,
        store: Store,
        cache: CachePool,
        token_life_s: u64,
    ) -> anyhow::Result<Self> {
        let folder = data_dir.join("keys");
        let key = files::newest(&folder)?;
        let kid = key.public.kid.clone();
        let before = store.public_keys().await?;
        store.publish_key(&key.public, Timestamp::now()).await?;
        let own = Own {
            current: Arc::new(key),
            next: None,
        };
        let ring = Self {
            inner: Arc::new(Inner {
                folder,
                store,
                cache,
                token_life_s,
                own: Mutex::new(own),
                published: ArcSwap::from_pointee(Published::new(Vec::new())),
                followed: tokio::sync::Mutex::default(),
            }),
        };
        ring.refresh().await?;
        // Looked at after its own key is there: of two that start at once, one sees the other.
        let is_known = before.iter().any(|known| known.kid == kid);
        if !is_known && ring.published().keys.len() > 1 {
            let wait = ring.announce().await;
            tracing::info!(
                wait_s = wait.as_secs(),
                "others learn of this replica's key"
            );
            tokio::time::sleep(wait).await;
            // Others may have come meanwhile.
            ring.refresh().await?;
        }
        Ok(ring)
    }

    /// The key that signs now.
    pub fn signing(&self) -> Arc<PrivateKey> {
        let own = self.own();
        match &own.next {
            Some((next, from)) if *from <= Instant::now() => Arc::clone(next),
            _ => Arc::clone(&own.current),
        }
    }

    /// The public keys of all replicas.
    pub fn published(&self) -> Arc<Published> {
        self.inner.published.load_full()
    }

    /// Makes and publishes a new key, here and in every replica; answers its id and when it signs.
    pub async fn rotate(&self) -> Result<(String, Timestamp), Problem> {
        let asked_at = Timestamp::now();
        self.inner.store.ask_rotation(asked_at).await?;
        self.follow(asked_at).await
    }

    /// Makes a new key, unless there is one since the wish for it.
    async fn follow(&self, asked_at: Timestamp) -> Result<(String, Timestamp), Problem> {
        let mut followed = self.inner.followed.lock().await;
        let (newest, from) = self.own().newest();
        // Both are in milliseconds, and one can pass for both.
        if newest.public.created_at >= asked_at || *followed == Some(asked_at) {
            let wait = from.saturating_duration_since(Instant::now());
            return Ok((newest.public.kid.clone(), moment_in(wait)));
        }
        let made = self.make_next().await?;
        *followed = Some(asked_at);
        Ok(made)
    }

    async fn make_next(&self) -> Result<(String, Timestamp), Problem> {
        self.settle().await?;
        self.overtake().await?;
        let folder = self.inner.folder.clone();
        let made = tokio::task::spawn_blocking(move || files::make(&folder));
        let made = made.await.map_err(Problem::internal)?;
        let key = Arc::new(made.map_err(Problem::internal)?);
        let store = &self.inner.store;
        store.publish_key(&key.public, Timestamp::now()).await?;
        self.refresh().await?;
        let wait = self.announce().await;
        let kid = key.public.kid.clone();
        self.own().next = Some((key, Instant::now() + wait));
        tracing::info!(kid, wait_s = wait.as_secs(), "a new key signs soon");
        Ok((kid, moment_in(wait)))
    }

    /// A next key that is still waiting never signs: a newer one takes its place.
    async fn overtake(&self) -> Result<(), Problem> {
        let waiting = self.own().next.as_ref().map(|(next, _)| Arc::clone(next));
        let Some(waiting) = waiting else {
            return Ok(());
        };
        self.retire(&waiting).await?;
        self.own().next = None;
        Ok(())
    }

    async fn retire(&self, key: &PrivateKey) -> Result<(), Problem> {
        let now = Timestamp::now();
        self.inner.store.retire_key(&key.public.kid, now).await
    }

    /// Tells of new keys; answers after how long everybody knows them.
    async fn announce(&self) -> Duration {
        let published = self.published();
        let kids = published.keys.iter().map(|key| key.kid.clone());
        let value = SigningKeyIds {
            kids: kids.collect(),
        };
        match self.inner.cache.set(&SIGNING_KEYS.key(()), &value).await {
            Ok(()) => KNOWN_AFTER,
            Err(error) => {
                tracing::debug!(error = %error, "new keys are found when the keys are fetched next");
                SURELY_KNOWN_AFTER
            }
        }
    }

    /// A next key whose time has come takes the place of the current one.
    async fn settle(&self) -> Result<(), Problem> {
        let is_due = |from: Instant| from <= Instant::now();
        let old = {
            let own = self.own();
            let due = own.next.as_ref().is_some_and(|(_, from)| is_due(*from));
            due.then(|| Arc::clone(&own.current))
        };
        let Some(old) = old else { return Ok(()) };
        self.retire(&old).await?;
        let mut own = self.own();
        if let Some((next, _)) = own.next.take_if(|(_, from)| is_due(*from)) {
            own.current = next;
        }
        Ok(())
    }

    /// Reads the public keys of all replicas; answers whether there are others than before.
    pub async fn refresh(&self) -> Result<bool, Problem> {
        let keys = self.inner.store.public_keys().await?;
        let changed = self.inner.published.load().keys != keys;
        if changed {
            self.inner.published.store(Arc::new(Published::new(keys)));
        }
        Ok(changed)
    }

    fn own(&self) -> std::sync::MutexGuard<'_, Own> {
        self.inner
            .own
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the keys of other replicas and withdraws old ones until `stop`; `changed` hears of each
    /// change of the public keys.
    pub async fn run(
        self,
        changed: impl Fn(&Published) + Send,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut said = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if let Err(problem) = self.look(&mut said).await {
                tracing::debug!(error = %problem, "signing keys are looked at later");
            }
            changed(&self.published());
        }
    }

    async fn look(&self, said: &mut Option<Instant>) -> Result<(), Problem> {
        self.settle().await?;
        if let Some(asked_at) = self.inner.store.rotation_asked_at().await? {
            self.follow(asked_at).await?;
        }
        if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            self.tidy().await?;
            *said = Some(Instant::now());
        }
        self.refresh().await.map(drop)
    }

    /// Says that its keys are in use, and withdraws those that nobody uses.
    async fn tidy(&self) -> Result<(), Problem> {
        let Inner {
            store,
            token_life_s,
            folder,
            ..
        } = &*self.inner;
        let now = Timestamp::now();
        let (current, waits) = {
            let own = self.own();
            (Arc::clone(&own.current), own.next.is_some())
        };
        store.publish_key(&current.public, now).await?;
        let before = |seconds: u64| {
            let ms = seconds.saturating_add(*token_life_s).saturating_mul(1000);
            Timestamp::from_unix_ms(now.unix_ms().saturating_sub_unsigned(ms))
        };
        store
            .forget_old_keys(before(OLD_MARGIN_S), before(GONE_AFTER_S))
            .await?;
        if !waits {
            let kept = files::keep_only(folder, &current.public.kid);
            kept.context("old keys stay").map_err(Problem::internal)?;
        }
        Ok(())
    }
}
