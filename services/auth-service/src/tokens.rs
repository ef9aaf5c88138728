//! Access tokens: made here, checked here with the same keys.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Header};
use redis_contracts::Timestamp;
use service_kit::{
    Problem,
    config::{self, Jwt},
    identity::{ACCESS_TOKEN_TYPE, Claims, TokenVerifier, keys_from_jwks},
};
use uuid::Uuid;

use crate::{keys::SigningKeys, store::SessionRow};

/// Signs and checks access tokens.
pub struct Tokens {
    keys: SigningKeys,
    verifier: TokenVerifier,
    issuer: String,
    audience: String,
    session: config::Session,
}

/// A new token.
pub struct AccessToken {
    /// The token.
    pub text: String,
    /// Seconds until its session ends unless it is used.
    pub expires_in: u64,
}

impl Tokens {
    /// Tokens of these keys.
    pub fn new(
        keys: SigningKeys,
        settings: &Jwt,
        session: config::Session,
    ) -> anyhow::Result<Self> {
        let verifier = TokenVerifier::new(settings, keys_from_jwks(keys.jwks())?);
        Ok(Self {
            keys,
            verifier,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            session,
        })
    }

    /// A token for a session that begins now. It cannot be refreshed yet, so it lives as long as the
    /// session may: to its absolute end, while every use of it asks whether the session is alive.
    /// Until it is slid, that is `expires_in`.
    pub fn issue(&self, session: &SessionRow) -> Result<AccessToken, Problem> {
        let now_s = Timestamp::now().unix_ms() / 1000;
        let expires_in = self.session.idle_seconds.min(self.session.absolute_seconds);
        let ends_s = session
            .created_at
            .plus_seconds(self.session.absolute_seconds)
            .unix_ms()
            / 1000;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: session.user.id,
            sid: session.id,
            roles: session.user.roles.clone(),
            iat: now_s,
            nbf: now_s,
            exp: ends_s,
            jti: Uuid::now_v7(),
        };
        let header = Header {
            typ: Some(ACCESS_TOKEN_TYPE.to_owned()),
            kid: Some(self.keys.kid().to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        let text = jsonwebtoken::encode(&header, &claims, self.keys.signing())
            .map_err(Problem::internal)?;
        Ok(AccessToken { text, expires_in })
    }

    /// The claims of a valid token, or 401.
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        self.verifier.verify(token)
    }

    /// The public keys as a JWK set.
    pub fn jwks(&self) -> &str {
        self.keys.jwks()
    }
}
