//! What a sign-in or a refresh gives.

use service_kit::Problem;

use crate::{
    domain::refresh::RefreshToken,
    store::SessionRow,
    tokens::{AccessToken, Tokens},
};

/// A session with the tokens that open it.
pub struct SessionTokens {
    /// Opens it for minutes.
    pub access: AccessToken,
    /// Gets the next tokens.
    pub refresh: RefreshToken,
    /// The session.
    pub session: SessionRow,
    /// The secret of the device, for its next sign-in; empty after a refresh.
    pub device: String,
}

impl SessionTokens {
    /// Of this session, with an access token that is made now.
    pub fn issue(
        tokens: &Tokens,
        session: SessionRow,
        refresh: RefreshToken,
        device: String,
    ) -> Result<Self, Problem> {
        Ok(Self {
            access: tokens.issue(&session)?,
            refresh,
            session,
            device,
        })
    }
}
