//! What a sign-in is answered.

use actix_web::HttpResponse;
use redis_contracts::resource::User;
use rpc::{Malformed, auth};
use serde::Serialize;

use crate::{
    client::Site,
    http::{cookies, reply::Answer},
};

/// 200 with the tokens. With cookies they are left out of the body, for scripts of the page cannot
/// lose what they never had.
pub(super) fn signed_in(site: &Site, of: auth::SignedIn, cookies: bool) -> Answer {
    let session = of.session.ok_or(Malformed("session"))?;
    let mut body = SignedIn {
        tokens: None,
        token_type: "Bearer",
        expires_in: of.expires_in,
        session_id: session.id,
        user: session.user.ok_or(Malformed("session.user"))?.try_into()?,
    };
    let mut answer = HttpResponse::Ok();
    if cookies {
        answer
            .cookie(cookies::access(site, of.access_token, of.expires_in))
            .cookie(cookies::refresh(site, of.refresh_token));
        // A renewal names no device.
        if !of.device.is_empty() {
            answer.cookie(cookies::device(site, of.device));
        }
    } else {
        body.tokens = Some(Tokens {
            access_token: of.access_token,
            refresh_token: of.refresh_token,
        });
    }
    Ok(answer.json(body))
}

#[derive(Serialize)]
struct SignedIn {
    #[serde(flatten)]
    tokens: Option<Tokens>,
    token_type: &'static str,
    expires_in: u32,
    session_id: String,
    user: User,
}

#[derive(Serialize)]
struct Tokens {
    access_token: String,
    refresh_token: String,
}

/// The first of two steps: a code has to follow.
#[derive(Serialize)]
pub(super) struct Second {
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
