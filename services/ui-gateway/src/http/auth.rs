//! Signing up, in and out.

mod bodies;
mod signed_in;

use actix_web::http::header::AUTHORIZATION;
use redis_contracts::resource::User;
use rpc::{
    Malformed,
    auth::{
        self, CompleteSecondFactorRequest, LoginRequest, LogoutRequest, ReauthenticateRequest,
        RefreshRequest, RegisterRequest, login_response::Outcome,
    },
};
use schemars::JsonSchema;
use serde::Serialize;
use service_kit::{Code, Problem};
use uuid::Uuid;

use self::{
    bodies::{Login, Reauthentication, Registration, Renewal, SecondStep},
    signed_in::{Second, SignedIn, signed_in},
};
use super::{
    Signed,
    call::Call,
    cookies::{self, REFRESH_COOKIE},
    input::{Json, NoFields},
    reply::{
        Accepted, Answer, Created, Done, Either, NothingYet, Plain, Resource, WithCookies, accepted,
    },
};

/// Anyone, unless registration is closed; then admins.
pub(super) async fn register(
    mut call: Call,
    body: Json<Registration>,
) -> Answer<Either<Created<Registered>, Accepted<NothingYet>>> {
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
    let answer = call.auth().register(request).await?;
    call.note_limits(answer.metadata());
    let Some(user) = answer.into_inner().user else {
        return Ok(Either::Right(accepted()));
    };
    let user = User::try_from(user)?;
    Ok(Either::Left(Created::once(Registered { user })))
}

/// A new account.
#[derive(Serialize, JsonSchema)]
pub(super) struct Registered {
    user: User,
}

impl Resource for Registered {
    const IS_VERSIONED: bool = false;

    fn version(&self) -> Option<u64> {
        None
    }

    /// Where the account is read once it is signed in.
    fn location(&self) -> String {
        "/api/me".to_owned()
    }
}

/// The token of who registers somebody else; auth-service looks at it when it has to.
fn given_token(call: &Call) -> Option<&str> {
    let header = call.request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Anyone.
pub(super) async fn login(
    mut call: Call,
    body: Json<Login>,
) -> Answer<Either<WithCookies<Plain<SignedIn>>, Plain<Second>>> {
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
    let answer = call.auth().login(request).await?;
    call.note_limits(answer.metadata());
    match answer.into_inner().outcome {
        Some(Outcome::SignedIn(of)) => {
            let signed_in = signed_in(&call.state.site, of, cookies)?;
            Ok(Either::Left(signed_in))
        }
        Some(Outcome::SecondFactor(of)) => Ok(Either::Right(Plain(of.into()))),
        None => Err(Malformed("outcome").into()),
    }
}

/// Anyone with the challenge of a first step.
pub(super) async fn second_factor(
    mut call: Call,
    body: Json<SecondStep>,
) -> Answer<WithCookies<Plain<SignedIn>>> {
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
    let mut auth = call.auth();
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
pub(super) async fn refresh(
    mut call: Call,
    body: Json<Renewal>,
) -> Answer<WithCookies<Plain<SignedIn>>> {
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

async fn renew(
    call: &Call,
    refresh_token: String,
    cookies: bool,
) -> Answer<WithCookies<Plain<SignedIn>>> {
    let message = RefreshRequest {
        refresh_token,
        client: call.client(),
    };
    let request = call.vouched(call.context.call(None, message));
    let answer = call.auth().refresh(request).await?;
    let of = answer.into_inner().signed_in;
    let of = of.ok_or(Malformed("signed_in"))?;
    if let Some(id) = session_id(&of) {
        call.state.guard.taken_up(id);
    }
    signed_in(&call.state.site, of, cookies)
}

fn session_id(of: &auth::SignedIn) -> Option<Uuid> {
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
pub(super) async fn logout(
    signed: Signed,
    mut call: Call,
    body: NoFields,
) -> Answer<WithCookies<Done>> {
    body.read(&mut call).await?;
    let request = signed.call(LogoutRequest {});
    let answer = call.auth().logout(request).await?;
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
) -> Answer<Done> {
    let of = body.read(&mut call).await?;
    let request = call.vouched(signed.call(ReauthenticateRequest {
        password: of.password,
        code: of.code,
        client: call.client(),
    }));
    let mut auth = call.auth();
    auth.reauthenticate(request).await?;
    Ok(Done)
}

impl Call {
    /// 204, for who has no session any more.
    pub(super) fn signed_out(&self) -> WithCookies<Done> {
        WithCookies {
            reply: Done,
            cookies: cookies::removal(&self.state.site).into(),
        }
    }
}
