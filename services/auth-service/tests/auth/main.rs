//! The running service, called over gRPC, before a real Redis whose wire can be cut. The same tests run
//! on SQLite, and as `auth_on_postgres` on PostgreSQL.

mod accounts;
mod address_changes;
mod at_rest;
mod bad_input;
mod calls;
mod copies;
mod enumeration;
mod files;
mod first_proof;
mod gateway;
mod inside;
mod keys;
mod limits;
mod limits_away;
mod limits_told;
mod lockout;
mod machine_tokens;
mod machine_tokens_ended;
mod mail;
mod mailed_links;
mod outages;
mod own_sessions;
mod passwords;
mod people;
mod refresh;
mod refresh_races;
mod registration;
mod replicas;
mod roles;
mod second_factor;
mod second_factor_guarded;
mod security_events;
mod sessions;
mod strangers;
mod streams;
mod tokens;

use std::{path::PathBuf, sync::Arc};

use rpc::{
    auth::{SignedIn, auth_service_client::AuthServiceClient},
    tonic::transport::Channel,
};
use tempfile::TempDir;
use test_kit::{Postgres, Proxy, RedisServer, ServiceProcess, free_port};
use uuid::Uuid;

use calls::{address, answer, by_gateway, call, client, email_of, refused};

const ADMIN_EMAIL: &str = "admin@devmentor.local";
const PASSWORD: &str = "correct horse battery staple";

/// What the gateway shows.
const GATEWAY: &str = "a gateway credential for tests only";

/// A running auth-service.
struct Auth {
    process: ServiceProcess,
    wire: Arc<Proxy>,
    redis: Arc<RedisServer>,
    data_dir: TempDir,
    database_url: String,
    ops_port: u16,
    client: AuthServiceClient<Channel>,
}

/// Somebody signed in.
#[derive(Clone, Debug)]
struct Signed {
    token: String,
    refresh_token: String,
    device: String,
    session_id: Uuid,
    user_id: Uuid,
}

impl From<SignedIn> for Signed {
    fn from(answer: SignedIn) -> Self {
        let session = answer.session.expect("a session");
        let id = |text: &str| text.parse().expect("a UUID");
        Self {
            token: answer.access_token,
            refresh_token: answer.refresh_token,
            device: answer.device,
            session_id: id(&session.id),
            user_id: id(&session.user.expect("a user").id),
        }
    }
}

impl Auth {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings; all sign in with the same password.
    async fn with(settings: &[(&str, &str)]) -> Self {
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let database_url = match on_postgres() {
            true => Postgres::shared().await.fresh_database().await,
            false => format!("sqlite://{}/auth-service.db", data_dir.path().display()),
        };
        inside::key_failures(&database_url).await;
        Self::on(data_dir, database_url, settings).await
    }

    async fn on(data_dir: TempDir, database_url: String, settings: &[(&str, &str)]) -> Self {
        let redis = RedisServer::cache().await;
        let wire = Proxy::start(([127, 0, 0, 1], redis.port()).into()).await;
        let (redis, wire) = (Arc::new(redis), Arc::new(wire));
        let mut auth = Self::spawn(redis, wire, data_dir, database_url, settings);
        auth.process.wait_ready(auth.ops_port).await;
        auth
    }

    /// Another replica on the same database and Redis. It is not ready yet.
    fn replica(&self, settings: &[(&str, &str)]) -> Self {
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let (redis, wire) = (Arc::clone(&self.redis), Arc::clone(&self.wire));
        Self::spawn(redis, wire, data_dir, self.database_url.clone(), settings)
    }

    fn spawn(
        redis: Arc<RedisServer>,
        wire: Arc<Proxy>,
        data_dir: TempDir,
        database_url: String,
        settings: &[(&str, &str)],
    ) -> Self {
        let (ops_port, grpc_port) = (free_port(), free_port());
        let url = format!("redis://{}", wire.addr());
        let mut environment = environment(&data_dir.path().display().to_string(), &url);
        environment.push(setting("database.url", &database_url));
        environment.push(setting("bootstrap.admin_password", PASSWORD));
        environment.push(setting("auth.gateway_credential", GATEWAY));
        environment.push(setting("limits.auth_per_minute", "1000000"));
        environment.push(setting("ops.addr", &format!("127.0.0.1:{ops_port}")));
        environment.push(setting("grpc.addr", &format!("127.0.0.1:{grpc_port}")));
        environment.extend(settings.iter().map(|(name, value)| setting(name, value)));
        let address = format!("http://127.0.0.1:{grpc_port}");
        let channel = rpc::connect(&address, None).expect("an address");
        Self {
            process: ServiceProcess::spawn("auth-service", environment),
            wire,
            redis,
            data_dir,
            database_url,
            ops_port,
            client: AuthServiceClient::new(channel),
        }
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
}

/// Which database these tests run on.
fn on_postgres() -> bool {
    env!("CARGO_CRATE_NAME").ends_with("postgres")
}

/// Settings that a process needs, beside its ports. Nothing listens where the streams Redis would be.
fn environment(data_dir: &str, redis_url: &str) -> Vec<(String, String)> {
    vec![
        setting("data_dir", data_dir),
        setting("redis.cache.url", redis_url),
        setting("redis.streams.url", "redis://127.0.0.1:1"),
    ]
}

fn setting(name: &str, value: &str) -> (String, String) {
    let name = format!("DEVMENTOR__{}", name.to_uppercase().replace('.', "__"));
    (name, value.to_owned())
}
