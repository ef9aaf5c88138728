//! Accounts and sessions.

use actix_web::{
    HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    http::header::{LOCATION, USER_AGENT},
};
use redis_contracts::resource::User;
use rpc::{
    Malformed,
    auth::{LoginRequest, LoginResponse, LogoutRequest, RegisterRequest},
};
use serde::Serialize;

use super::{Signed, call::Call, reply::Answer, signed::ACCESS_COOKIE};

/// Longest `User-Agent` that is kept with a session.
const LONGEST_AGENT: usize = 256;

/// Anyone.
pub(super) async fn register(mut call: Call) -> Answer {
    call.state.site.refuse_other_page(&call.request)?;
    let message = call
        .json(|body| RegisterRequest {
            email: body.text("email"),
            handle: body.text("handle"),
            password: body.text("password"),
        })
        .await?;
    let request = call.keyed(call.context.call(None, message))?;
    let answer = call
        .state
        .upstream
        .auth
        .clone()
        .register(request)
        .await?
        .into_inner();
    let user = User::try_from(answer.user.ok_or(Malformed("user"))?)?;
    // Where the account is read once it is signed in.
    let mut answer = HttpResponse::Created();
    answer.insert_header((LOCATION, "/api/me"));
    Ok(answer.json(Registered { user }))
}

#[derive(Serialize)]
struct Registered {
    user: User,
}

/// Anyone.
pub(super) async fn login(mut call: Call) -> Answer {
    call.state.site.refuse_other_page(&call.request)?;
    let (email, password, cookies) = call
        .json(|body| {
            (
                body.text("email"),
                body.text("password"),
                body.flag("cookies"),
            )
        })
        .await?;
    let address = call.state.site.address(&call.request);
    let message = LoginRequest {
        email,
        password,
        agent: agent(&call),
        address: address
            .map(|address| address.to_string())
            .unwrap_or_default(),
    };
    let request = call.context.call(None, message);
    let answer = call
        .state
        .upstream
        .auth
        .clone()
        .login(request)
        .await?
        .into_inner();
    let mut response = HttpResponse::Ok();
    if cookies {
        let cookie = access_cookie(
            &answer.access_token,
            call.state.site.longest_session_seconds(),
            call.state.site.is_secure(),
        );
        response.cookie(cookie);
    }
    Ok(response.json(SignedIn::new(answer, cookies)?))
}

/// Signed in. The session is dead everywhere when this is answered.
pub(super) async fn logout(signed: Signed, call: Call) -> Answer {
    let state = &call.state;
    let request = signed.call(LogoutRequest {});
    let answer = state.upstream.auth.clone().logout(request).await?;
    let session_id = signed.caller.session_id;
    state.guard.end(session_id, answer.into_inner().heard).await;
    state.live.end_session(session_id);
    // Max-Age 0 removes it.
    let removal = access_cookie("", 0, call.state.site.is_secure());
    Ok(HttpResponse::NoContent().cookie(removal).finish())
}

/// A sign-in; with cookies the tokens are left out, for scripts of the page cannot lose what they
/// never had.
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
    refresh_token: Option<String>,
}

impl SignedIn {
    fn new(answer: LoginResponse, cookies: bool) -> Result<Self, Malformed> {
        let session = answer.session.ok_or(Malformed("session"))?;
        let tokens = Tokens {
            access_token: answer.access_token,
            refresh_token: None,
        };
        Ok(Self {
            tokens: (!cookies).then_some(tokens),
            token_type: "Bearer",
            expires_in: answer.expires_in,
            session_id: session.id,
            user: session.user.ok_or(Malformed("session.user"))?.try_into()?,
        })
    }
}

fn agent(call: &Call) -> String {
    let agent = call
        .request
        .headers()
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    agent
        .unwrap_or_default()
        .chars()
        .take(LONGEST_AGENT)
        .collect()
}

fn access_cookie(token: &str, max_age_seconds: u64, secure: bool) -> Cookie<'_> {
    Cookie::build(ACCESS_COOKIE, token)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(secure)
        .max_age(Duration::seconds(max_age_seconds.cast_signed()))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_kept_from_scripts_and_other_sites() {
        let cookie = access_cookie("abc", 3600, true).to_string();
        assert_eq!(
            cookie,
            "dm_access=abc; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3600"
        );
        assert!(
            !access_cookie("abc", 3600, false)
                .to_string()
                .contains("Secure")
        );
        assert!(
            access_cookie("", 0, false)
                .to_string()
                .contains("Max-Age=0")
        );
    }
}
