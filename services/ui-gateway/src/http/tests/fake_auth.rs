//! An auth-service that answers what the test wants to see translated, and keeps what it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use rpc::auth::{
    auth_service_server::{AuthService, AuthServiceServer},
    login_response::Outcome,
    *,
};
use service_kit::{Code, Problem};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    metadata::MetadataMap,
    transport::{Server, server::TcpIncoming},
};

/// What came with a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) client: Client,
    pub(super) credential: String,
    pub(super) idempotency_key: String,
    pub(super) authorization: String,
}

/// What it was asked last.
#[derive(Clone, Default)]
pub(super) struct FakeAuth {
    asked: Arc<Mutex<Asked>>,
}

impl FakeAuth {
    /// Serves it; the setting names its address.
    pub(super) async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let fake = Self::default();
        let service = AuthServiceServer::new(fake.clone());
        let serving = Server::builder().add_service(service);
        let serving = serving.serve_with_incoming(TcpIncoming::from(listener));
        actix_web::rt::spawn(serving);
        (fake, format!("http://{address}"))
    }

    pub(super) fn asked(&self) -> Asked {
        self.lock().clone()
    }

    fn keep(&self, metadata: &MetadataMap, client: Option<Client>) {
        let text = |name| {
            let value = metadata.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        *self.lock() = Asked {
            client: client.unwrap_or_default(),
            credential: text(rpc::metadata::GATEWAY_CREDENTIAL),
            idempotency_key: text(rpc::metadata::IDEMPOTENCY_KEY),
            authorization: text(rpc::metadata::AUTHORIZATION),
        };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn user() -> User {
    User {
        id: "018f2b6e-5b1c-7a3d-9e4f-0123456789ab".to_owned(),
        email: "ada@example.com".to_owned(),
        handle: "ada".to_owned(),
        roles: vec!["user".to_owned()],
        email_verified: true,
        pending_email: None,
        second_factor: false,
        created_at: Some(rpc::timestamp(redis_contracts::Timestamp::now())),
    }
}

fn signed_in(device: &str) -> SignedIn {
    SignedIn {
        access_token: "access".to_owned(),
        expires_in: 300,
        refresh_token: "dmr_refresh".to_owned(),
        session: Some(Session {
            id: "018f2b6e-5b1c-7a3d-9e4f-0123456789ac".to_owned(),
            user: Some(user()),
            ..Session::default()
        }),
        device: device.to_owned(),
    }
}

macro_rules! auth_service {
    ({ $($own:tt)* } $($method:ident: $asked:ident -> $answered:ident;)*) => {
        #[tonic::async_trait]
        impl AuthService for FakeAuth {
            $($own)*

            $(async fn $method(&self, _: Request<$asked>) -> Result<Response<$answered>, Status> {
                Err(Status::unimplemented("not of interest here"))
            })*
        }
    };
}

auth_service! {
    {
        async fn register(
            &self,
            request: Request<RegisterRequest>,
        ) -> Result<Response<RegisterResponse>, Status> {
            let (metadata, _, message) = request.into_parts();
            self.keep(&metadata, message.client);
            let by_mail = message.handle == "by-mail";
            let user = (!by_mail).then(user);
            Ok(Response::new(RegisterResponse { user }))
        }

        async fn login(
            &self,
            request: Request<LoginRequest>,
        ) -> Result<Response<LoginResponse>, Status> {
            let (metadata, _, message) = request.into_parts();
            self.keep(&metadata, message.client);
            let outcome = match message.password.as_str() {
                "two steps" => Outcome::SecondFactor(Challenge {
                    challenge: "secret".to_owned(),
                    expires_in: 300,
                }),
                _ => Outcome::SignedIn(signed_in("device")),
            };
            Ok(Response::new(LoginResponse { outcome: Some(outcome) }))
        }

        async fn complete_second_factor(
            &self,
            request: Request<CompleteSecondFactorRequest>,
        ) -> Result<Response<CompleteSecondFactorResponse>, Status> {
            let (metadata, _, message) = request.into_parts();
            self.keep(&metadata, message.client);
            let signed_in = Some(signed_in("device"));
            Ok(Response::new(CompleteSecondFactorResponse { signed_in }))
        }

        async fn refresh(
            &self,
            request: Request<RefreshRequest>,
        ) -> Result<Response<RefreshResponse>, Status> {
            let (metadata, _, message) = request.into_parts();
            self.keep(&metadata, message.client);
            if let Some(code) = Code::from_name(&message.refresh_token) {
                return Err(Problem::new(code, "as the test wants it").into());
            }
            let signed_in = Some(signed_in(""));
            Ok(Response::new(RefreshResponse { signed_in }))
        }

        async fn request_password_reset(
            &self,
            request: Request<RequestPasswordResetRequest>,
        ) -> Result<Response<RequestPasswordResetResponse>, Status> {
            let (metadata, _, message) = request.into_parts();
            self.keep(&metadata, message.client);
            Ok(Response::new(RequestPasswordResetResponse {}))
        }
    }
    logout: LogoutRequest -> LogoutResponse;
    reauthenticate: ReauthenticateRequest -> ReauthenticateResponse;
    confirm_password_reset: ConfirmPasswordResetRequest -> ConfirmPasswordResetResponse;
    change_password: ChangePasswordRequest -> ChangePasswordResponse;
    request_email_verification: RequestEmailVerificationRequest -> RequestEmailVerificationResponse;
    verify_email: VerifyEmailRequest -> VerifyEmailResponse;
    undo_email_change: UndoEmailChangeRequest -> UndoEmailChangeResponse;
    remove_user_totp: RemoveUserTotpRequest -> RemoveUserTotpResponse;
    get_me: GetMeRequest -> GetMeResponse;
    update_me: UpdateMeRequest -> UpdateMeResponse;
    delete_me: DeleteMeRequest -> DeleteMeResponse;
    check_session: CheckSessionRequest -> CheckSessionResponse;
    touch_session: TouchSessionRequest -> TouchSessionResponse;
    list_sessions: ListSessionsRequest -> ListSessionsResponse;
    end_session: EndSessionRequest -> EndSessionResponse;
    end_other_sessions: EndOtherSessionsRequest -> EndOtherSessionsResponse;
    begin_totp: BeginTotpRequest -> BeginTotpResponse;
    confirm_totp: ConfirmTotpRequest -> ConfirmTotpResponse;
    remove_totp: RemoveTotpRequest -> RemoveTotpResponse;
    list_machine_tokens: ListMachineTokensRequest -> ListMachineTokensResponse;
    create_machine_token: CreateMachineTokenRequest -> CreateMachineTokenResponse;
    revoke_machine_token: RevokeMachineTokenRequest -> RevokeMachineTokenResponse;
    list_security_events: ListSecurityEventsRequest -> ListSecurityEventsResponse;
    list_users: ListUsersRequest -> ListUsersResponse;
    set_user_roles: SetUserRolesRequest -> SetUserRolesResponse;
    unlock_user: UnlockUserRequest -> UnlockUserResponse;
    end_user_sessions: EndUserSessionsRequest -> EndUserSessionsResponse;
    rotate_keys: RotateKeysRequest -> RotateKeysResponse;
    get_jwks: GetJwksRequest -> GetJwksResponse;
    get_status: GetStatusRequest -> GetStatusResponse;
}
