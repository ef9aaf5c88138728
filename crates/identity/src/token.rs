//! Access tokens: EdDSA, RFC 9068 (`typ: at+jwt`). A verified token is remembered, because checking
//! an Ed25519 signature costs more than a round trip to Redis.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use quick_cache::sync::Cache;
use redis_contracts::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use service_kit::{Code, Problem, config::Jwt};
use uuid::Uuid;

/// `typ` of an access token.
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// `alg` of an access token, RFC 8037.
const ALGORITHM: &str = "EdDSA";

/// Verified tokens that are remembered: as many as sessions are held.
const REMEMBERED: usize = 100_000;

/// Longer texts are no tokens of ours.
const LONGEST: usize = 8192;

/// The claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// Account.
    pub sub: Uuid,
    /// Session.
    pub sid: Uuid,
    /// `user`, `admin`.
    pub roles: Vec<String>,
    /// Issued, seconds since the epoch.
    pub iat: i64,
    /// Not before.
    pub nbf: i64,
    /// Expires.
    pub exp: i64,
    /// Token id.
    pub jti: Uuid,
}

/// What is remembered of a verified token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) session_id: Uuid,
    pub(crate) user_id: Uuid,
    expires_s: i64,
}

impl Verified {
    fn new(claims: &Claims) -> Self {
        Self {
            session_id: claims.sid,
            user_id: claims.sub,
            expires_s: claims.exp,
        }
    }

    /// RFC 7519: on and after `exp` it must not be accepted. There is no leeway: `nbf` is set back by
    /// what clocks may differ.
    fn is_over(self) -> bool {
        self.expires_s <= now_s()
    }
}

/// Public keys by `kid`.
pub type KeySet = HashMap<String, DecodingKey>;

/// SHA-256 of a token: tokens themselves are not kept.
pub(crate) type Fingerprint = [u8; 32];

/// Checks access tokens.
pub struct TokenVerifier {
    keys: ArcSwap<KeySet>,
    validation: Validation,
    verified: Cache<Fingerprint, Verified>,
}

/// The header of an access token. Nothing else may stand in it: a key that a token brings along
/// (`jwk`, `jku`, `x5c`) or an extension that has to be understood (`crit`) is never ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// A token that was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// The key of this id is not known, perhaps not yet.
    UnknownKey(String),
    /// It is not valid, and will not be.
    Invalid,
}

impl TokenVerifier {
    /// A verifier with these keys; they can be replaced.
    pub fn new(settings: &Jwt, keys: KeySet) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        // Looked at apart, so that an expired token can be told from a forged one.
        validation.validate_exp = false;
        validation.leeway = 0;
        Self {
            keys: ArcSwap::from_pointee(keys),
            validation,
            verified: Cache::new(REMEMBERED),
        }
    }

    /// Takes these keys instead of those it has; answers whether one was withdrawn. What was verified
    /// with that is verified again.
    pub fn replace_keys(&self, keys: KeySet) -> bool {
        let held = self.keys.swap(Arc::new(keys));
        let now = self.keys.load();
        let withdrawn = held.keys().any(|kid| !now.contains_key(kid));
        if withdrawn {
            self.verified.clear();
        }
        withdrawn
    }

    /// The keys it has.
    pub fn keys(&self) -> Arc<KeySet> {
        self.keys.load_full()
    }

    /// Whether it has any key.
    pub fn has_keys(&self) -> bool {
        !self.keys.load().is_empty()
    }

    /// Whether it has the key of this id.
    pub(crate) fn knows(&self, kid: &str) -> bool {
        self.keys.load().contains_key(kid)
    }

    /// Whether it has the keys of these ids and no other.
    pub(crate) fn has_just(&self, kids: &[String]) -> bool {
        let keys = self.keys.load();
        keys.len() == kids.len() && kids.iter().all(|kid| keys.contains_key(kid))
    }

    /// The claims of a valid token, or 401.
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        self.check(token).map_err(|_| Self::refused())?;
        let claims = part(token, 1).ok_or_else(Self::refused)?;
        Ok(Arc::new(claims))
    }

    /// The claims of a token that is valid but for its end, or 401: it names its session, whose state
    /// counts more.
    pub fn verify_expired(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        let verified = self.check_signature(token);
        let (claims, _) = verified.map_err(|_| Self::refused())?;
        Ok(Arc::new(claims))
    }

    pub(crate) fn refused() -> Problem {
        Problem::new(
            Code::Unauthenticated,
            "The access token is not valid; sign in again.",
        )
    }

    /// A token that was verified before.
    pub(crate) fn remembered(&self, token: &str) -> Option<Verified> {
        let verified = self.verified.get(&fingerprint(token))?;
        (!verified.is_over()).then_some(verified)
    }

    pub(crate) fn check(&self, token: &str) -> Result<Verified, Rejected> {
        let fingerprint = fingerprint(token);
        if let Some(verified) = self.verified.get(&fingerprint) {
            return if verified.is_over() {
                Err(Rejected::Invalid)
            } else {
                Ok(verified)
            };
        }
        let (claims, keys) = self.check_signature(token)?;
        let verified = Verified::new(&claims);
        if verified.is_over() {
            return Err(Rejected::Invalid);
        }
        self.verified.insert(fingerprint, verified);
        // The key may have been withdrawn meanwhile.
        if !Arc::ptr_eq(&keys, &self.keys.load()) {
            self.verified.remove(&fingerprint);
        }
        Ok(verified)
    }

    /// Checks all but the end.
    fn check_signature(&self, token: &str) -> Result<(Claims, Arc<KeySet>), Rejected> {
        if token.len() > LONGEST {
            return Err(Rejected::Invalid);
        }
        let header: Header = part(token, 0).ok_or(Rejected::Invalid)?;
        if header.alg != ALGORITHM || header.typ != ACCESS_TOKEN_TYPE {
            return Err(Rejected::Invalid);
        }
        let keys = self.keys.load_full();
        let Some(key) = keys.get(&header.kid) else {
            return Err(Rejected::UnknownKey(header.kid));
        };
        let verified = jsonwebtoken::decode::<Claims>(token, key, &self.validation);
        let data = verified.map_err(|_| Rejected::Invalid)?;
        Ok((data.claims, keys))
    }
}

/// Header or claims of a JWT.
fn part<T: DeserializeOwned>(token: &str, number: usize) -> Option<T> {
    let json = BASE64URL.decode(token.split('.').nth(number)?).ok()?;
    serde_json::from_slice(&json).ok()
}

/// SHA-256 of a token.
pub(super) fn fingerprint(token: &str) -> Fingerprint {
    let mut bytes = Fingerprint::default();
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}

fn now_s() -> i64 {
    Timestamp::now().unix_ms() / 1000
}

#[cfg(test)]
mod tests;
