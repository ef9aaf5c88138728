//! Who calls: a signed-in person or a machine token of theirs, by header or by cookie.

use std::{
    future::{Ready, ready},
    pin::Pin,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    cookie::Cookie,
    dev::Payload,
    http::header::{AUTHORIZATION, UPGRADE},
    web::Data,
};
use futures_util::future::Either;
use identity::Caller;
use redis_contracts::keys::Scope;
use service_kit::{Code, Problem};
use uuid::Uuid;

use super::{Failure, envelope::SharedContext};
use crate::{
    State, connections,
    limits::{RemainingRequests, Subject},
};

/// The cookie that holds the access token of the web app.
pub(super) const ACCESS_COOKIE: &str = "dm_access";

/// A signed-in person, or a machine token of theirs that may do what the method does. It is the first
/// argument of a handler, so that nothing else is looked at for somebody who is not.
pub struct Signed {
    /// Who they are.
    pub caller: Caller,
    /// The request's id and trace.
    pub context: SharedContext,
}

impl Signed {
    /// A call to another service on their behalf.
    pub fn call<T>(&self, message: T) -> tonic::Request<T> {
        self.context.call(Some(&self.caller.token), message)
    }

    /// Refuses who does not have this role, and a machine token without the scope for it.
    pub fn require_role(&self, role: &str) -> Result<(), Problem> {
        if self.caller.has_role(role) {
            return Ok(());
        }
        let detail = if self.caller.is_machine() {
            format!("This takes the role {role} and a machine token with the scope admin.")
        } else {
            format!("This takes the role {role}.")
        };
        Err(Problem::new(Code::Forbidden, detail))
    }

    /// Refuses a machine token: this is for the person themselves.
    pub fn require_person(&self) -> Result<(), Problem> {
        if !self.caller.is_machine() {
            return Ok(());
        }
        let detail = "A machine token cannot do this; sign in and send the access token.";
        Err(Problem::new(Code::Forbidden, detail))
    }

    fn admit(
        request: &HttpRequest,
        state: &State,
        caller: Caller,
        context: SharedContext,
        permit: Result<RemainingRequests, Problem>,
    ) -> Result<Self, Failure> {
        request.extensions_mut().insert(permit?);
        let person = caller.user().id;
        request.extensions_mut().insert(IsSignedIn(person));
        connections::sign_in(request, state, Subject::of(&caller))?;
        caller.require(scope(request))?;
        Ok(Self { caller, context })
    }
}

/// On a request of which it is known who sends it.
#[derive(Clone, Copy)]
pub(super) struct IsSignedIn(pub(super) Uuid);

type Admitted = Result<Signed, Failure>;

impl FromRequest for Signed {
    type Error = Failure;
    /// Mostly everything is known and nothing is waited for.
    type Future = Either<Ready<Admitted>, Pin<Box<dyn Future<Output = Admitted>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (state, context, credential) = match shown(request) {
            Ok(shown) => shown,
            Err(problem) => return Either::Left(ready(Err(problem.into()))),
        };
        let token = credential.token();
        let known = state.guard.known(token, &context);
        let permit = known
            .as_ref()
            .and_then(|caller| state.limits.admit_at_once(Subject::of(caller)));
        if let (Some(caller), Some(permit)) = (known, permit) {
            let admitted = Self::admit(request, state, caller, context, permit);
            return Either::Left(ready(admitted));
        }
        let (request, state, token) = (request.clone(), state.clone(), token.to_owned());
        Either::Right(Box::pin(async move {
            let caller = state.guard.check(&token, &context).await?;
            let permit = state.limits.admit(Subject::of(&caller)).await;
            Self::admit(&request, &state, caller, context, permit)
        }))
    }
}

/// The scope that a machine token needs.
fn scope(request: &HttpRequest) -> Scope {
    match request.method().is_safe() {
        true => Scope::Read,
        false => Scope::Write,
    }
}

/// What a request shows; a cookie counts for the web app's own pages alone.
fn shown(request: &HttpRequest) -> Result<(&Data<State>, SharedContext, Credential<'_>), Problem> {
    let (state, context) = surroundings(request)?;
    let credential = credential(request)?;
    if matches!(credential, Credential::Cookie(_)) && changes_something(request) {
        state.site.require_own_page(request)?;
    }
    Ok((state, context, credential))
}

/// Whom a request's credential is of, if it shows a good one.
pub(crate) async fn caller_of(request: &HttpRequest, state: &State) -> Option<Subject> {
    if !shows_credential(request) {
        return None;
    }
    let (_, context, credential) = shown(request).ok()?;
    let caller = state.guard.check(credential.token(), &context).await;
    caller.ok().as_ref().map(Subject::of)
}

/// Whether a request shows a credential, good or not.
fn shows_credential(request: &HttpRequest) -> bool {
    request.headers().contains_key(AUTHORIZATION) || request.cookie(ACCESS_COOKIE).is_some()
}

/// The token of who may be signed in, on a route where nobody has to be.
pub(super) fn shown_token(request: &HttpRequest) -> Result<Option<String>, Problem> {
    if !shows_credential(request) {
        return Ok(None);
    }
    let (_, _, credential) = shown(request)?;
    Ok(Some(credential.token().to_owned()))
}

/// What the server puts around every handler.
pub(super) fn surroundings(
    request: &HttpRequest,
) -> Result<(&Data<State>, SharedContext), Problem> {
    let state = request.app_data::<Data<State>>();
    let context = request.extensions().get::<SharedContext>().cloned();
    state
        .zip(context)
        .ok_or_else(|| Problem::internal("a route is outside the envelope"))
}

enum Credential<'a> {
    Header(&'a str),
    Cookie(Cookie<'static>),
}

impl Credential<'_> {
    fn token(&self) -> &str {
        match self {
            Self::Header(token) => token,
            Self::Cookie(cookie) => cookie.value(),
        }
    }
}

/// The header counts where both are sent.
fn credential(request: &HttpRequest) -> Result<Credential<'_>, Problem> {
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        return request
            .cookie(ACCESS_COOKIE)
            .map(Credential::Cookie)
            .ok_or_else(missing);
    };
    let (scheme, token) = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Credential::Header(token.trim()))
    } else {
        Err(missing())
    }
}

fn missing() -> Problem {
    Problem::new(
        Code::Unauthenticated,
        "Send `Authorization: Bearer <access or machine token>`, or sign in with cookies.",
    )
}

/// An upgrade counts: browsers let pages of any site open a WebSocket, cookies included.
fn changes_something(request: &HttpRequest) -> bool {
    !request.method().is_safe() || request.headers().contains_key(UPGRADE)
}

#[cfg(test)]
mod tests {
    use actix_web::{http::Method, test::TestRequest};

    use super::*;

    #[test]
    fn the_header_counts_before_the_cookie() {
        let request = TestRequest::get().cookie(Cookie::new(ACCESS_COOKIE, "from-cookie"));
        let plain = request.to_http_request();
        assert!(
            matches!(credential(&plain), Ok(Credential::Cookie(cookie)) if cookie.value() == "from-cookie")
        );
        for (header, good) in [
            ("Bearer abc", true),
            ("bearer  abc ", true),
            ("Basic abc", false),
            ("Bearer", false),
        ] {
            let request = TestRequest::get()
                .cookie(Cookie::new(ACCESS_COOKIE, "from-cookie"))
                .insert_header((AUTHORIZATION, header))
                .to_http_request();
            let found = credential(&request);
            assert_eq!(
                matches!(found, Ok(Credential::Header("abc"))),
                good,
                "{header}"
            );
            assert_eq!(found.is_ok(), good, "{header}");
        }
    }

    #[test]
    fn a_machine_token_needs_read_to_look_and_write_to_change() {
        for (method, needed) in [
            (Method::GET, Scope::Read),
            (Method::HEAD, Scope::Read),
            (Method::POST, Scope::Write),
            (Method::PATCH, Scope::Write),
            (Method::DELETE, Scope::Write),
        ] {
            let request = TestRequest::default().method(method).to_http_request();
            assert_eq!(scope(&request), needed, "{}", request.method());
        }
    }

    #[test]
    fn opening_a_socket_changes_something() {
        assert!(!changes_something(&TestRequest::get().to_http_request()));
        assert!(changes_something(&TestRequest::delete().to_http_request()));
        let upgrade = TestRequest::get().insert_header((UPGRADE, "websocket"));
        assert!(changes_something(&upgrade.to_http_request()));
    }
}
