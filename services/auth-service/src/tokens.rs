//! Access tokens and hot copies: signed here, checked here with the same keys.

use std::sync::Arc;

use identity::{
    ACCESS_TOKEN_TYPE, BadCopy, Claims, TokenVerifier, check_copy, keys_from_jwks, sign_copy,
};
use jsonwebtoken::{Algorithm, Header};
use redis_contracts::{SignedCopy, Timestamp, Value, keys::SessionRecord};
use service_kit::{
    Code, Problem,
    config::{self, Jwt},
};
use uuid::Uuid;

use crate::{
    keys::{KeyRing, Published},
    store::SessionRow,
};

/// Clocks of other hosts may be behind by this.
const CLOCK_SKEW_S: i64 = 5;

/// Signs and checks access tokens and hot copies.
pub struct Tokens {
    keys: KeyRing,
    verifier: TokenVerifier,
    issuer: String,
    audience: String,
    access_ttl_s: u64,
    session: config::Session,
}

/// A new token.
pub struct AccessToken {
    /// The token.
    pub text: String,
    /// Seconds until it expires.
    pub expires_in_s: u64,
}

impl Tokens {
    /// Tokens of these keys.
    pub fn new(keys: KeyRing, settings: &Jwt, session: config::Session) -> anyhow::Result<Self> {
        let verifier = TokenVerifier::new(settings, keys_from_jwks(&keys.published().jwks)?);
        Ok(Self {
            keys,
            verifier,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            access_ttl_s: settings.access_ttl_seconds,
            session,
        })
    }

    /// A token for a session. It never outlives the session's absolute end.
    pub fn issue(&self, session: &SessionRow) -> Result<AccessToken, Problem> {
        let now_s = Timestamp::now().unix_ms() / 1000;
        let ends = session
            .created_at
            .plus_seconds(self.session.absolute_seconds);
        let left_s = (ends.unix_ms() / 1000 - now_s).max(0).unsigned_abs();
        let expires_in_s = self.access_ttl_s.min(left_s);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: session.user.id,
            sid: session.id,
            roles: session.user.roles.clone(),
            iat: now_s,
            nbf: now_s - CLOCK_SKEW_S,
            exp: now_s.saturating_add_unsigned(expires_in_s),
            jti: Uuid::now_v7(),
        };
        let key = self.keys.signing();
        let header = Header {
            typ: Some(ACCESS_TOKEN_TYPE.to_owned()),
            kid: Some(key.public.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let text =
            jsonwebtoken::encode(&header, &claims, &key.signing).map_err(Problem::internal)?;
        Ok(AccessToken { text, expires_in_s })
    }

    /// The claims of a valid token, or 401.
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        self.verifier.verify(token)
    }

    /// The claims of a token that is ours and may have expired: it still names its session, whose state
    /// counts more.
    pub fn verify_expired(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        self.verifier.verify_expired(token)
    }

    /// Signs the hot copy of a session or a machine token.
    pub fn sign_copy(&self, id: Uuid, session: SessionRecord) -> Result<SignedCopy, Problem> {
        let key = self.keys.signing();
        sign_copy(id, session, &key.public.kid, &key.signing)
    }

    /// Whether the hot copy held in Redis was signed here or by another replica, whose key may be new,
    /// and is still good.
    pub async fn is_good_copy(&self, id: Uuid, held: &[u8]) -> Result<bool, Problem> {
        let mut checked = check_copy(id, SignedCopy::decode(held), &self.verifier.keys());
        if checked == Err(BadCopy::UnknownKey) {
            self.keys.refresh().await?;
            self.follow(&self.keys.published());
            checked = check_copy(id, SignedCopy::decode(held), &self.verifier.keys());
        }
        Ok(checked.inspect_err(|bad| bad.report(id)).is_ok())
    }

    /// Takes the keys as they are published now.
    pub fn follow(&self, published: &Published) {
        match keys_from_jwks(&published.jwks) {
            Ok(keys) => {
                self.verifier.replace_keys(keys);
            }
            Err(error) => tracing::error!(error = %error, "the published keys cannot be read"),
        }
    }

    /// The public keys as a JWK set.
    pub fn jwks(&self) -> String {
        self.keys.published().jwks.clone()
    }

    /// Makes a new key; answers its id and when it signs.
    pub async fn rotate_keys(&self) -> Result<(String, Timestamp), Problem> {
        let rotated = self.keys.rotate().await?;
        self.follow(&self.keys.published());
        Ok(rotated)
    }
}

/// The session of a token has ended.
pub fn session_ended() -> Problem {
    Problem::new(Code::SessionEnded, "The session has ended; sign in again.")
}
