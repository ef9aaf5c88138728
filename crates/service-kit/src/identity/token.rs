//! Access tokens: EdDSA, RFC 9068 (`typ: at+jwt`). A verified token is remembered, because checking
//! an Ed25519 signature costs more than a round trip to Redis.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use quick_cache::sync::Cache;
use redis_contracts::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Code, Problem, config::Jwt};

/// `typ` of an access token.
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// Verified tokens that are remembered.
const REMEMBERED: usize = 20_000;

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

/// Public keys by `kid`.
pub type KeySet = HashMap<String, DecodingKey>;

/// Checks access tokens.
pub struct TokenVerifier {
    keys: ArcSwap<KeySet>,
    validation: Validation,
    verified: Cache<[u8; 32], Arc<Claims>>,
}

/// A token that was not accepted.
pub(crate) enum Rejected {
    /// Its key is not known, perhaps not yet.
    UnknownKey,
    /// It is not valid, and will not be.
    Invalid,
}

impl TokenVerifier {
    /// A verifier with these keys; they can be replaced.
    pub fn new(settings: &Jwt, keys: KeySet) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        Self {
            keys: ArcSwap::from_pointee(keys),
            validation,
            verified: Cache::new(REMEMBERED),
        }
    }

    /// Takes these keys instead of those it has.
    pub fn replace_keys(&self, keys: KeySet) {
        self.keys.store(Arc::new(keys));
    }

    /// Whether it has any key.
    pub fn has_keys(&self) -> bool {
        !self.keys.load().is_empty()
    }

    /// The claims of a valid token, or 401.
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        self.check(token).map_err(|_| Self::refused())
    }

    pub(crate) fn refused() -> Problem {
        Problem::new(
            Code::Unauthenticated,
            "The access token is not valid; sign in again.",
        )
    }

    pub(crate) fn check(&self, token: &str) -> Result<Arc<Claims>, Rejected> {
        let fingerprint = fingerprint(token);
        if let Some(claims) = self.verified.get(&fingerprint) {
            let now_s = Timestamp::now().unix_ms() / 1000;
            if claims.exp > now_s {
                return Ok(claims);
            }
            self.verified.remove(&fingerprint);
            return Err(Rejected::Invalid);
        }
        let claims = Arc::new(self.check_signature(token)?);
        self.verified.insert(fingerprint, Arc::clone(&claims));
        Ok(claims)
    }

    fn check_signature(&self, token: &str) -> Result<Claims, Rejected> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Rejected::Invalid)?;
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(ACCESS_TOKEN_TYPE) {
            return Err(Rejected::Invalid);
        }
        let kid = header.kid.ok_or(Rejected::Invalid)?;
        let keys = self.keys.load();
        let key = keys.get(&kid).ok_or(Rejected::UnknownKey)?;
        jsonwebtoken::decode::<Claims>(token, key, &self.validation)
            .map(|data| data.claims)
            .map_err(|_| Rejected::Invalid)
    }
}

/// SHA-256: tokens themselves are not kept.
fn fingerprint(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}
