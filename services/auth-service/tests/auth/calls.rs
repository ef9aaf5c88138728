//! What clients call, for tests of everything.

use rpc::{
    auth::{
        CheckSessionRequest, Client, EndUserSessionsRequest, GetMeRequest,
        ListSecurityEventsRequest, LoginRequest, LoginResponse, LogoutRequest, RefreshRequest,
        RegisterRequest, SecurityEvent, Session, SignedIn, TouchSessionRequest, User,
        login_response::Outcome,
    },
    metadata::GATEWAY_CREDENTIAL,
    tonic::{Request, Response, Status},
};
use service_kit::{Problem, RequestContext};

use super::{ADMIN_EMAIL, Auth, GATEWAY, PASSWORD, Signed};

impl Auth {
    pub(super) async fn register(&self, handle: &str) -> Result<User, Problem> {
        let asked = registration(&email_of(handle), handle);
        let user = answer(self.client().register(asked).await)?.user;
        Ok(user.expect("an account"))
    }

    pub(super) async fn login(&self, email: &str, password: &str) -> Result<SignedIn, Problem> {
        self.login_from(email, password, client()).await
    }

    /// A sign-in that the gateway reports, without a second step.
    pub(super) async fn login_from(
        &self,
        email: &str,
        password: &str,
        client: Client,
    ) -> Result<SignedIn, Problem> {
        let answer = self.raw_login(email, password, client).await;
        match answer.map_err(Problem::from)?.into_inner().outcome {
            Some(Outcome::SignedIn(signed_in)) => Ok(signed_in),
            other => panic!("there is no second step: {other:?}"),
        }
    }

    /// A sign-in that the gateway reports, as it is answered.
    pub(super) async fn raw_login(
        &self,
        email: &str,
        password: &str,
        client: Client,
    ) -> Result<Response<LoginResponse>, Status> {
        let asked = LoginRequest {
            email: email.to_owned(),
            password: password.to_owned(),
            client: Some(client),
        };
        self.client().login(by_gateway(asked)).await
    }

    pub(super) async fn sign_in(&self, email: &str) -> Signed {
        let answer = self.login(email, PASSWORD).await;
        answer.expect("signed in").into()
    }

    pub(super) async fn admin(&self) -> Signed {
        self.sign_in(ADMIN_EMAIL).await
    }

    /// Somebody new, signed in.
    pub(super) async fn person(&self, handle: &str) -> Signed {
        self.register(handle).await.expect("an account");
        self.sign_in(&email_of(handle)).await
    }

    pub(super) async fn refresh(&self, refresh_token: &str) -> Result<Signed, Problem> {
        let asked = RefreshRequest {
            refresh_token: refresh_token.to_owned(),
            client: Some(client()),
        };
        let answer = answer(self.client().refresh(by_gateway(asked)).await)?;
        Ok(answer.signed_in.expect("signed in").into())
    }

    pub(super) async fn check(&self, token: &str) -> Result<Session, Problem> {
        let request = call(token, CheckSessionRequest {});
        let session = answer(self.client().check_session(request).await)?.session;
        Ok(session.expect("a session"))
    }

    pub(super) async fn touch(&self, token: &str) -> Result<Session, Problem> {
        let request = call(token, TouchSessionRequest {});
        let session = answer(self.client().touch_session(request).await)?.session;
        Ok(session.expect("a session"))
    }

    pub(super) async fn me(&self, token: &str) -> Result<User, Problem> {
        let me = answer(self.client().get_me(call(token, GetMeRequest {})).await)?;
        Ok(me.session.expect("a session").user.expect("a user"))
    }

    pub(super) async fn logout(&self, token: &str) -> Result<(), Problem> {
        answer(self.client().logout(call(token, LogoutRequest {})).await).map(drop)
    }

    pub(super) async fn end_all_of(&self, admin: &Signed, user_id: &str) -> Result<usize, Problem> {
        let asked = EndUserSessionsRequest {
            user_id: user_id.to_owned(),
            client: None,
        };
        let request = call(&admin.token, asked);
        let ended = answer(self.client().end_user_sessions(request).await)?;
        Ok(ended.session_ids.len())
    }

    /// The caller's own newest security events of a type, as `signed_in`; empty means any.
    pub(super) async fn events(&self, token: &str, kind: &str) -> Vec<SecurityEvent> {
        let asked = ListSecurityEventsRequest {
            r#type: kind.to_owned(),
            ..ListSecurityEventsRequest::default()
        };
        let request = call(token, asked);
        let listed = self.client().list_security_events(request).await;
        answer(listed).expect("events").events
    }
}

pub(super) fn registration(email: &str, handle: &str) -> RegisterRequest {
    RegisterRequest {
        email: email.to_owned(),
        handle: handle.to_owned(),
        password: PASSWORD.to_owned(),
        client: None,
    }
}

pub(super) fn email_of(handle: &str) -> String {
    format!("{handle}@example.com")
}

/// Somebody at a browser.
pub(super) fn client() -> Client {
    address("192.0.2.1")
}

/// Somebody at a browser at this address.
pub(super) fn address(address: &str) -> Client {
    Client {
        agent: "a \n browser".to_owned(),
        address: address.to_owned(),
        device: String::new(),
    }
}

/// A call that the gateway makes.
pub(super) fn by_gateway<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let shown = GATEWAY.parse().expect("metadata");
    request.metadata_mut().insert(GATEWAY_CREDENTIAL, shown);
    request
}

/// A call by the holder of a token.
pub(super) fn call<T>(token: &str, message: T) -> Request<T> {
    RequestContext::from_headers(None, None).call(Some(token), message)
}

pub(super) fn answer<T>(answer: Result<Response<T>, Status>) -> Result<T, Problem> {
    answer.map(Response::into_inner).map_err(Problem::from)
}

/// The code of a refusal.
#[track_caller]
pub(super) fn refused<T: std::fmt::Debug>(answer: Result<T, Problem>) -> &'static str {
    answer.expect_err("refused").code.name()
}
