//! The running service, called over gRPC, before a real Redis whose wire can be cut.

mod accounts;
mod files;
mod roles;
mod sessions;
mod tokens;

use std::path::PathBuf;

use redis_contracts::{
    Value,
    keys::{SESSION, SessionRecord},
};
use rpc::{
    auth::{
        CheckSessionRequest, LoginRequest, LoginResponse, LogoutRequest, RegisterRequest, Session,
        User, auth_service_client::AuthServiceClient,
    },
    tonic::{Request, Response, Status, transport::Channel},
};
use service_kit::{Problem, RequestContext};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use test_kit::{PATIENCE, Proxy, RedisServer, ServiceProcess, eventually, free_port};
use uuid::Uuid;

const ADMIN_EMAIL: &str = "admin@devmentor.local";
const PASSWORD: &str = "correct horse battery staple";

/// A running auth-service.
struct Auth {
    process: ServiceProcess,
    wire: Proxy,
    redis: RedisServer,
    data_dir: TempDir,
    ops_port: u16,
    client: AuthServiceClient<Channel>,
}

/// Somebody signed in.
struct Signed {
    token: String,
    session_id: Uuid,
}

impl Auth {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings; all sign in with the same password.
    async fn with(settings: &[(&str, &str)]) -> Self {
        let redis = RedisServer::cache().await;
        let wire = Proxy::start(([127, 0, 0, 1], redis.port()).into()).await;
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let url = format!("redis://{}", wire.addr());
        let mut environment = environment(&data_dir.path().display().to_string(), &url);
        environment.push(setting("bootstrap.admin_password", PASSWORD));
        environment.extend(settings.iter().map(|(name, value)| setting(name, value)));
        let (ops_port, grpc_port) = (free_port(), free_port());
        environment.push(setting("ops.addr", &format!("127.0.0.1:{ops_port}")));
        environment.push(setting("grpc.addr", &format!("127.0.0.1:{grpc_port}")));
        let address = format!("http://127.0.0.1:{grpc_port}");
        let channel = rpc::connect(&address, None).expect("an address");
        let mut auth = Self {
            process: ServiceProcess::spawn("auth-service", environment),
            wire,
            redis,
            data_dir,
            ops_port,
            client: AuthServiceClient::new(channel),
        };
        auth.process.wait_ready(ops_port).await;
        auth
    }

    /// Kills it and starts it again where it was.
    async fn restart(&mut self) {
        self.process.respawn();
        self.process.wait_ready(self.ops_port).await;
    }

    fn client(&self) -> AuthServiceClient<Channel> {
        self.client.clone()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data_dir.path().join(name)
    }

    async fn register(&self, handle: &str) -> Result<User, Problem> {
        let asked = RegisterRequest {
            email: email_of(handle),
            handle: handle.to_owned(),
            password: PASSWORD.to_owned(),
        };
        let user = answer(self.client().register(asked).await)?.user;
        Ok(user.expect("an account"))
    }

    async fn login(&self, email: &str, password: &str) -> Result<LoginResponse, Problem> {
        let asked = LoginRequest {
            email: email.to_owned(),
            password: password.to_owned(),
            agent: "a \n browser".to_owned(),
            address: "192.0.2.1".to_owned(),
        };
        answer(self.client().login(asked).await)
    }

    async fn sign_in(&self, email: &str) -> Signed {
        let answer = self.login(email, PASSWORD).await.expect("signed in");
        let session = answer.session.expect("a session");
        Signed {
            token: answer.access_token,
            session_id: session.id.parse().expect("a UUID"),
        }
    }

    async fn admin(&self) -> Signed {
        self.sign_in(ADMIN_EMAIL).await
    }

    /// Somebody new, signed in.
    async fn person(&self, handle: &str) -> Signed {
        self.register(handle).await.expect("an account");
        self.sign_in(&email_of(handle)).await
    }

    async fn check(&self, token: &str) -> Result<Session, Problem> {
        let request = call(token, CheckSessionRequest {});
        let session = answer(self.client().check_session(request).await)?.session;
        Ok(session.expect("a session"))
    }

    async fn logout(&self, token: &str) -> Result<(), Problem> {
        answer(self.client().logout(call(token, LogoutRequest {})).await).map(drop)
    }

    /// The hot copy of a session.
    async fn held(&self, session_id: Uuid) -> Option<SessionRecord> {
        let get = redis::cmd("GET")
            .arg(SESSION.key(session_id).name())
            .to_owned();
        let bytes: Option<Vec<u8>> = get
            .query_async(&mut self.redis.connect().await)
            .await
            .expect("GET");
        bytes.map(|bytes| SessionRecord::decode(&bytes).expect("a session"))
    }

    /// Waits until the hot copy is as wanted.
    async fn until_held(
        &self,
        session_id: Uuid,
        wanted: impl Fn(&SessionRecord) -> bool,
    ) -> SessionRecord {
        eventually("the hot copy is as wanted", PATIENCE, async || {
            match self.held(session_id).await {
                Some(record) if wanted(&record) => Ok(record),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// Changes the truth behind the service's back, to let time pass.
    async fn sql(&self, statement: &'static str) {
        let mut database = self.database().await;
        sqlx::query(statement)
            .execute(&mut database)
            .await
            .expect("a statement");
        database.close().await.expect("closed");
    }

    /// Waits until Redis is known to have heard of every change.
    async fn until_all_heard(&self) {
        let mut database = self.database().await;
        eventually("Redis has heard of all", PATIENCE, async || {
            let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sessions WHERE unheard = 1")
                .fetch_one(&mut database)
                .await
                .expect("a count");
            if left == 0 { Ok(()) } else { Err(left) }
        })
        .await;
    }

    async fn database(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.file("auth-service.db"));
        let database = SqliteConnection::connect_with(&options).await;
        database.expect("the database")
    }
}

fn email_of(handle: &str) -> String {
    format!("{handle}@example.com")
}

/// Settings that a process needs, beside its ports.
fn environment(data_dir: &str, redis_url: &str) -> Vec<(String, String)> {
    vec![
        setting("data_dir", data_dir),
        setting("redis.cache.url", redis_url),
    ]
}

fn setting(name: &str, value: &str) -> (String, String) {
    let name = format!("DEVMENTOR__{}", name.to_uppercase().replace('.', "__"));
    (name, value.to_owned())
}

/// A call by the holder of a token.
fn call<T>(token: &str, message: T) -> Request<T> {
    RequestContext::from_headers(None, None).call(Some(token), message)
}

fn answer<T>(answer: Result<Response<T>, Status>) -> Result<T, Problem> {
    answer.map(Response::into_inner).map_err(Problem::from)
}

/// The code of a refusal.
#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Problem>) -> &'static str {
    answer.expect_err("refused").code.name()
}
