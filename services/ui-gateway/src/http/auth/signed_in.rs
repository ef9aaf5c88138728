//! What a sign-in is answered.

use redis_contracts::resource::User;
use rpc::{Malformed, auth};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    client::Site,
    http::{
        cookies,
        reply::{Answer, Plain, WithCookies},
    },
};

/// 200 with the tokens. With cookies they are left out of the body, for scripts of the page cannot
/// lose what they never had.
pub(super) fn signed_in(
    site: &Site,
    of: auth::SignedIn,
    with_cookies: bool,
) -> Answer<WithCookies<Plain<SignedIn>>> {
    let session = of.session.ok_or(Malformed("session"))?;
    let mut body = SignedIn {
        tokens: None,
        token_type: "Bearer",
        expires_in: of.expires_in,
        session_id: session.id,
        user: session.user.ok_or(Malformed("session.user"))?.try_into()?,
    };
    let mut cookies = Vec::new();
    if with_cookies {
        cookies.push(cookies::access(site, of.access_token, of.expires_in));
        cookies.push(cookies::refresh(site, of.refresh_token));
        // A renewal names no device.
        if !of.device.is_empty() {
            cookies.push(cookies::device(site, of.device));
        }
    } else {
        body.tokens = Some(Tokens {
            access_token: of.access_token,
            refresh_token: of.refresh_token,
        });
    }
    Ok(WithCookies {
        reply: Plain(body),
        cookies,
    })
}

/// The tokens of a session, unless they are set as cookies.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct SignedIn {
    #[serde(flatten)]
    tokens: Option<Tokens>,
    token_type: &'static str,
    expires_in: u32,
    session_id: String,
    user: User,
}

#[derive(Serialize, JsonSchema)]
struct Tokens {
    access_token: String,
    refresh_token: String,
}

/// The first of two steps: a code has to follow.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SecondFactorRequired")]
pub(in crate::http) struct Second {
    second_factor_required: bool,
    challenge: String,
    expires_in: u32,
}

impl From<auth::Challenge> for Second {
    fn from(of: auth::Challenge) -> Self {
        Self {
            second_factor_required: true,
            challenge: of.challenge,
            expires_in: of.expires_in,
        }
    }
}
