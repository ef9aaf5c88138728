//! An auth-service that knows the sessions it is given, and counts what it is asked.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use identity::bearer;
use redis_contracts::{
    Timestamp, Value as _,
    keys::{SESSION, SessionRecord},
};
use rpc::{
    auth::{
        auth_service_server::{AuthService, AuthServiceServer},
        *,
    },
    metadata::GATEWAY_CREDENTIAL,
};
use serde_json::Value;
use service_kit::{Code, Problem};
use test_kit::RedisServer;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    metadata::MetadataMap,
    transport::{Server, server::TcpIncoming},
};
use uuid::Uuid;

use super::{CREDENTIAL, issuer::Key};

#[derive(Clone)]
pub(super) struct FakeAuth {
    /// By session id, or by the text of a machine token.
    known: Arc<Mutex<HashMap<String, (Uuid, SessionRecord)>>>,
    pub(super) asked: Arc<AtomicUsize>,
    /// The access token it gives for one that has expired.
    pub(super) to_go_on: Arc<Mutex<String>>,
    pub(super) touched: Arc<AtomicUsize>,
    /// Questions being answered, and the most at a time.
    busy: Arc<(AtomicUsize, AtomicUsize)>,
    redis: redis::aio::MultiplexedConnection,
    /// Signs the copies it restores.
    key: Arc<Key>,
}

impl FakeAuth {
    pub(super) async fn start(redis: &RedisServer, key: Arc<Key>) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let fake = Self {
            known: Arc::default(),
            asked: Arc::default(),
            to_go_on: Arc::default(),
            touched: Arc::default(),
            busy: Arc::default(),
            redis: redis.connect().await,
            key,
        };
        let serving = Server::builder().add_service(AuthServiceServer::new(fake.clone()));
        tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));
        (fake, format!("http://{address}"))
    }

    /// Knows a session from now on, or a machine token by its text.
    pub(super) fn know(&self, by: impl ToString, id: Uuid, record: &SessionRecord) {
        let mut known = self.known.lock().expect("not poisoned");
        known.insert(by.to_string(), (id, record.clone()));
    }

    pub(super) fn forget(&self, by: impl ToString) {
        let mut known = self.known.lock().expect("not poisoned");
        known.remove(&by.to_string());
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.busy.1.load(Ordering::SeqCst)
    }

    /// An access token that has expired counts when the gateway asks.
    fn look_up(&self, metadata: &MetadataMap) -> Result<(Uuid, SessionRecord), Problem> {
        let token = bearer(metadata)?;
        let known = self.known.lock().expect("not poisoned");
        if token.starts_with("dmp_") {
            let found = known.get(token).cloned();
            return found.ok_or_else(|| Problem::new(Code::Unauthenticated, "no such token"));
        }
        let body = token.split('.').nth(1).expect("a JWT");
        let claims = BASE64URL.decode(body).expect("base64url");
        let claims: Value = serde_json::from_slice(&claims).expect("claims");
        let shown = metadata.get(GATEWAY_CREDENTIAL);
        let is_over = claims["exp"].as_i64() <= Some(Timestamp::now().unix_ms() / 1000);
        if is_over && shown.is_none_or(|shown| shown != CREDENTIAL) {
            return Err(Problem::new(Code::Unauthenticated, "expired"));
        }
        let found = known
            .get(claims["sid"].as_str().expect("a session"))
            .cloned();
        found.ok_or_else(|| Problem::new(Code::SessionEnded, "it has ended"))
    }

    async fn restore(&self, id: Uuid, record: &SessionRecord) {
        let mut set = redis::cmd("SET");
        set.arg(SESSION.key(id).name())
            .arg(self.key.copy(id, record).encode())
            .arg("EX")
            .arg(60);
        // It may be away.
        let _ = set.exec_async(&mut self.redis.clone()).await;
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
        async fn check_session(
            &self,
            request: Request<CheckSessionRequest>,
        ) -> Result<Response<CheckSessionResponse>, Status> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let busy = self.busy.0.fetch_add(1, Ordering::SeqCst) + 1;
            self.busy.1.fetch_max(busy, Ordering::SeqCst);
            // Long enough for those who ask at once to meet.
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.busy.0.fetch_sub(1, Ordering::SeqCst);
            let (id, record) = self.look_up(request.metadata())?;
            self.restore(id, &record).await;
            let session = Some(message(id, record));
            let access_token = self.to_go_on.lock().expect("not poisoned").clone();
            Ok(Response::new(CheckSessionResponse { session, access_token }))
        }

        async fn touch_session(
            &self,
            _: Request<TouchSessionRequest>,
        ) -> Result<Response<TouchSessionResponse>, Status> {
            self.touched.fetch_add(1, Ordering::SeqCst);
            Ok(Response::new(TouchSessionResponse::default()))
        }
    }
    register: RegisterRequest -> RegisterResponse;
    login: LoginRequest -> LoginResponse;
    complete_second_factor: CompleteSecondFactorRequest -> CompleteSecondFactorResponse;
    refresh: RefreshRequest -> RefreshResponse;
    logout: LogoutRequest -> LogoutResponse;
    reauthenticate: ReauthenticateRequest -> ReauthenticateResponse;
    request_password_reset: RequestPasswordResetRequest -> RequestPasswordResetResponse;
    confirm_password_reset: ConfirmPasswordResetRequest -> ConfirmPasswordResetResponse;
    change_password: ChangePasswordRequest -> ChangePasswordResponse;
    request_email_verification: RequestEmailVerificationRequest -> RequestEmailVerificationResponse;
    verify_email: VerifyEmailRequest -> VerifyEmailResponse;
    undo_email_change: UndoEmailChangeRequest -> UndoEmailChangeResponse;
    get_me: GetMeRequest -> GetMeResponse;
    update_me: UpdateMeRequest -> UpdateMeResponse;
    delete_me: DeleteMeRequest -> DeleteMeResponse;
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
    remove_user_totp: RemoveUserTotpRequest -> RemoveUserTotpResponse;
    unlock_user: UnlockUserRequest -> UnlockUserResponse;
    end_user_sessions: EndUserSessionsRequest -> EndUserSessionsResponse;
    rotate_keys: RotateKeysRequest -> RotateKeysResponse;
    get_jwks: GetJwksRequest -> GetJwksResponse;
    get_status: GetStatusRequest -> GetStatusResponse;
}

fn message(id: Uuid, record: SessionRecord) -> Session {
    let machine = record.machine.map(|access| MachineAccess {
        sha256: access.sha256,
        scopes: access
            .scopes
            .iter()
            .map(|scope| scope.name().to_owned())
            .collect(),
    });
    Session {
        id: id.to_string(),
        user: Some(record.user.into()),
        created_at: Some(rpc::timestamp(record.created_at)),
        expires_at: Some(rpc::timestamp(record.expires_at)),
        last_seen: Some(rpc::timestamp(record.last_seen)),
        agent: record.agent,
        address: record.address,
        version: record.version,
        machine,
    }
}
