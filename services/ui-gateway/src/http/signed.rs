//! Who calls: a signed-in person, by header or by cookie.

use std::pin::Pin;

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    cookie::Cookie,
    dev::Payload,
    http::header::{AUTHORIZATION, UPGRADE},
    web::Data,
};
use service_kit::{Code, Problem, identity::Caller};

use super::{Failure, envelope::SharedContext};
use crate::State;

/// The cookie that holds the access token of the web app.
pub(super) const ACCESS_COOKIE: &str = "dm_access";

/// A signed-in person. It is the first argument of a handler, so that nothing else is looked at for
/// somebody who is not.
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

    /// Refuses who does not have this role.
    pub fn require_role(&self, role: &str) -> Result<(), Problem> {
        if self.caller.has_role(role) {
            return Ok(());
        }
        Err(Problem::new(
            Code::Forbidden,
            format!("This takes the role {role}."),
        ))
    }
}

impl FromRequest for Signed {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (state, context) = surroundings(&request)?;
            let caller = match credential(&request)? {
                Credential::Header(token) => state.guard.check(token, &context).await?,
                Credential::Cookie(cookie) => {
                    if changes_something(&request) {
                        state.site.require_own_page(&request)?;
                    }
                    state.guard.check(cookie.value(), &context).await?
                }
            };
            Ok(Self { caller, context })
        })
    }
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
        "Send `Authorization: Bearer <access token>`, or sign in with cookies.",
    )
}

/// An upgrade counts: browsers let pages of any site open a WebSocket, cookies included.
fn changes_something(request: &HttpRequest) -> bool {
    !request.method().is_safe() || request.headers().contains_key(UPGRADE)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

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
    fn opening_a_socket_changes_something() {
        assert!(!changes_something(&TestRequest::get().to_http_request()));
        assert!(changes_something(&TestRequest::delete().to_http_request()));
        let upgrade = TestRequest::get().insert_header((UPGRADE, "websocket"));
        assert!(changes_something(&upgrade.to_http_request()));
    }
}
