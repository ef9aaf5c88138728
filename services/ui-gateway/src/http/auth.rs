//! Signing up, in and out.

mod signed_in;

use actix_web::{
    HttpResponse,
    http::header::{AUTHORIZATION, LOCATION},
};
use redis_contracts::resource::User;
use rpc::{
    Malformed,
    auth::{
        CompleteSecondFactorRequest, LoginRequest, LogoutRequest, ReauthenticateRequest,
        RefreshRequest, RegisterRequest, SignedIn, login_response::Outcome,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service_kit::{Code, Problem};
use uuid::Uuid;

use self::signed_in::{Second, signed_in};
use super::{
    Signed,
    call::Call,
    cookies::{self, REFRESH_COOKIE},
    input::{Json, NoFields},
    reply::{Answer, accepted, done},
};
use crate::contract::Optional;

/// A new account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    /// Address to sign in with.
    email: String,
    /// Public short name.
    handle: String,
    /// Password.
    password: String,
}

/// The first step of a sign-in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    /// Address of the account.
    email: String,
    /// Its password.
    password: String,
    /// Whether the tokens are set as cookies, and left out of the answer.
    #[serde(default)]
    cookies: bool,
}

/// The second step of a sign-in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecondStep {
    /// As the first step answered it.
    challenge: String,
    /// A code of the second factor, or a recovery code.
    code: String,
    /// Whether the tokens are set as cookies, and left out of the answer.
    #[serde(default)]
    cookies: bool,
}

/// A renewal of tokens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Renewal {
    /// The refresh token; the cookie's when it is left out.
    #[serde(default)]
    refresh_token: Optional<String>,
    /// Whether the tokens are set as cookies, and left out of the answer.
    #[serde(default)]
    cookies: bool,
}

/// A proof that it is still the person who signed in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reauthentication {
    /// Password.
    password: String,
    /// A code of the second factor, where there is one.
    #[serde(default)]
    code: String,
}

/// Anyone, unless registration is closed; then admins.
pub(super) async fn register(mut call: Call, body: Json<Registration>) -> Answer {
    call.state.site.refuse_other_page(&call.request)?;
    let of = body.read(&mut call).await?;
    let message = RegisterRequest {
        email: of.email,
        handle: of.handle,
        password: of.password,
        client: call.client(),
    };
    let request = call.context.call(given_token(&call), message);
    let request = call.vouched(request);
    let answer = call.state.upstream.auth.clone().register(request).await?;
    call.note_limits(answer.metadata());
    let Some(user) = answer.into_inner().user else {
        return accepted();
    };
    let user = User::try_from(user)?;
    let mut created = HttpResponse::Created();
    // Where the account is read once it is signed in.
    created.insert_header((LOCATION, "/api/me"));
    Ok(created.json(Registered { user }))
}

#[derive(Serialize)]
struct Registered {
    user: User,
}

/// The token of who registers somebody else; auth-service looks at it when it has to.
fn given_token(call: &Call) -> Option<&str> {
    let header = call.request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Anyone.
pub(super) async fn login(mut call: Call, body: Json<Login>) -> Answer {
    call.state.site.refuse_other_page(&call.request)?;
    let Login {
        email,
        password,
        cookies,
    } = body.read(&mut call).await?;
    let message = LoginRequest {
        email,
        password,
        client: call.client(),
    };
    let request = call.vouched(call.context.call(None, message));
    let answer = call.state.upstream.auth.clone().login(request).await?;
    call.note_limits(answer.metadata());
    match answer.into_inner().outcome {
        Some(Outcome::SignedIn(of)) => signed_in(&call.state.site, of, cookies),
        Some(Outcome::SecondFactor(of)) => Ok(HttpResponse::Ok().json(Second::from(of))),
        None => Err(Malformed("outcome").into()),
    }
}

/// Anyone with the challenge of a first step.
pub(super) async fn second_factor(mut call: Call, body: Json<SecondStep>) -> Answer {
    call.state.site.refuse_other_page(&call.request)?;
    let SecondStep {
        challenge,
        code,
        cookies,
    } = body.read(&mut call).await?;
    let message = CompleteSecondFactorRequest {
        challenge,
        code,
        client: call.client(),
    };
    let request = call.vouched(call.context.call(None, message));
    let mut auth = call.state.upstream.auth.clone();
    let answer = auth.complete_second_factor(request).await?;
    call.note_limits(answer.metadata());
    let of = answer
        .into_inner()
        .signed_in
        .ok_or(Malformed("signed_in"))?;
    signed_in(&call.state.site, of, cookies)
}

/// Anyone with a refresh token, in the body or as a cookie. Who came with the cookie gets cookies
/// again: what scripts never had they do not get.
pub(super) async fn refresh(mut call: Call, body: Json<Renewal>) -> Answer {
    let Renewal {
        refresh_token,
        cookies,
    } = body.read(&mut call).await?;
    let site = &call.state.site;
    match refresh_token.0 {
        Some(token) => {
            site.refuse_other_page(&call.request)?;
            renew(&call, token, cookies).await
        }
        None => {
            let Some(held) = call.request.cookie(REFRESH_COOKIE) else {
                return Err(no_refresh_token(cookies).into());
            };
            site.require_own_page(&call.request)?;
            let renewed = renew(&call, held.value().to_owned(), true).await;
            renewed.map_err(|failure| match failure.problem().code.http_status() {
                401 => failure.with_cookies(cookies::removal(site)),
                _ => failure,
            })
        }
    }
}

async fn renew(call: &Call, refresh_token: String, cookies: bool) -> Answer {
    let message = RefreshRequest {
        refresh_token,
        client: call.client(),
    };
    let request = call.vouched(call.context.call(None, message));
    let answer = call.state.upstream.auth.clone().refresh(request).await?;
    let of = answer.into_inner().signed_in;
    let of = of.ok_or(Malformed("signed_in"))?;
    if let Some(id) = session_id(&of) {
        call.state.guard.taken_up(id);
    }
    signed_in(&call.state.site, of, cookies)
}

fn session_id(of: &SignedIn) -> Option<Uuid> {
    Uuid::try_parse(&of.session.as_ref()?.id).ok()
}

fn no_refresh_token(cookies: bool) -> Problem {
    if cookies {
        Problem::new(
            Code::Unauthenticated,
            "Sign in first: there is no cookie to renew by.",
        )
    } else {
        Problem::invalid_field("refresh_token", "it is missing")
    }
}

/// A person. The session is dead everywhere when this is answered.
pub(super) async fn logout(signed: Signed, mut call: Call, body: NoFields) -> Answer {
    body.read(&mut call).await?;
    let request = signed.call(LogoutRequest {});
    let answer = call.state.upstream.auth.clone().logout(request).await?;
    let heard = answer.into_inner().heard;
    call.state
        .end_session(signed.caller.session_id, heard)
        .await;
    Ok(call.signed_out())
}

/// A person.
pub(super) async fn reauthenticate(
    signed: Signed,
    mut call: Call,
    body: Json<Reauthentication>,
) -> Answer {
    let of = body.read(&mut call).await?;
    let request = call.vouched(signed.call(ReauthenticateRequest {
        password: of.password,
        code: of.code,
        client: call.client(),
    }));
    let mut auth = call.state.upstream.auth.clone();
    auth.reauthenticate(request).await?;
    done()
}

impl Call {
    /// 204, for who has no session any more.
    pub(super) fn signed_out(&self) -> HttpResponse {
        let mut answer = HttpResponse::NoContent();
        for cookie in cookies::removal(&self.state.site) {
            answer.cookie(cookie);
        }
        answer.finish()
    }
}
