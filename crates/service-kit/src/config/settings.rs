//! The settings as types, one struct per section.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use redis_access::RedisSettings;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::reference::{items, network};

/// Everything a process of this platform can be told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Where files are kept.
    pub data_dir: PathBuf,
    /// HTTP.
    pub http: Http,
    /// gRPC.
    #[serde(default)]
    pub grpc: Grpc,
    /// Health and metrics.
    pub ops: Listen,
    /// The web app's address.
    pub public_url: String,
    /// Both Redis.
    pub redis: Redis,
    /// SQL.
    pub database: Database,
    /// Other services.
    pub upstream: Upstream,
    /// Access tokens.
    pub jwt: Jwt,
    /// Sessions.
    pub session: Session,
    /// Accounts.
    pub auth: Auth,
    /// Limits.
    pub limits: Limits,
    /// Lockout.
    pub lockout: Lockout,
    /// Mail.
    #[serde(default)]
    pub mail: Mail,
    /// The first admin.
    pub bootstrap: Bootstrap,
    /// Stopping.
    pub shutdown: Shutdown,
    /// Logs.
    #[serde(default)]
    pub log: Log,
}

/// `http.*`
#[derive(Clone, Debug, Deserialize)]
pub struct Http {
    /// Where it is served.
    pub addr: SocketAddr,
    /// Proxies whose `X-Forwarded-For` counts.
    #[serde(default, deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Origins of other web apps that may call the API.
    #[serde(default, deserialize_with = "texts")]
    pub cors_origins: Vec<String>,
}

/// The list was checked with the other values; what is no network is not here any more.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let list = String::deserialize(deserializer)?;
    Ok(items(&list).filter_map(network).collect())
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let list = String::deserialize(deserializer)?;
    Ok(items(&list).map(str::to_owned).collect())
}

/// `grpc.*`
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Grpc {
    /// Where it is served; none for a service without gRPC.
    pub addr: Option<SocketAddr>,
}

/// `ops.*`
#[derive(Clone, Debug, Deserialize)]
pub struct Listen {
    /// Where it is served.
    pub addr: SocketAddr,
}

/// `redis.*`
#[derive(Clone, Debug, Deserialize)]
pub struct Redis {
    /// `redis.cache.*`
    pub cache: RedisInstanceSettings,
    /// `redis.streams.*`
    pub streams: RedisInstanceSettings,
}

/// `redis.cache.*`, `redis.streams.*`
#[derive(Clone, Debug, Deserialize)]
pub struct RedisInstanceSettings {
    /// Whether the URL was written anywhere.
    #[serde(default)]
    url_is_given: bool,
    url: SecretString,
    password: Option<SecretString>,
    db: i64,
    pool_size: usize,
    timeout_ms: u64,
    connect_timeout_ms: u64,
    retries: u32,
    keepalive_seconds: u64,
    health_check_seconds: u64,
}

/// Connections for bulk work that are opened at most, whatever the settings say.
const LARGEST_POOL: usize = 1024;

impl RedisInstanceSettings {
    /// Whether the settings name it; else there is none for who can do without.
    pub fn is_given(&self) -> bool {
        self.url_is_given
    }

    /// As `redis-access` takes them.
    pub fn access(&self) -> RedisSettings {
        RedisSettings {
            url: self.url.clone(),
            password: self.password.clone(),
            // 0 is the default on both sides, so the URL's number counts unless another is set.
            db: (self.db != 0).then_some(self.db),
            pool_size: self.pool_size.min(LARGEST_POOL),
            timeout: Duration::from_millis(self.timeout_ms),
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            retries: self.retries,
            keepalive: Duration::from_secs(self.keepalive_seconds),
            health_check: Duration::from_secs(self.health_check_seconds),
        }
    }
}

/// `database.*`
#[derive(Clone, Debug, Deserialize)]
pub struct Database {
    /// URL; may hold a password.
    pub url: SecretString,
}

/// `upstream.*`: gRPC addresses.
#[derive(Clone, Debug, Deserialize)]
pub struct Upstream {
    /// auth-service.
    pub auth: String,
    /// project-service.
    pub project: String,
    /// learning-consumer.
    pub learning: String,
    /// ai-gateway.
    pub ai: String,
}

/// `jwt.*`
#[derive(Clone, Debug, Deserialize)]
pub struct Jwt {
    /// Life of an access token.
    pub access_ttl_seconds: u64,
    /// Where the keys are published.
    pub jwks_url: String,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
}

/// `session.*`, in seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Session {
    /// Without use.
    pub idle_seconds: u64,
    /// At most.
    pub absolute_seconds: u64,
}

/// `auth.*`
#[derive(Clone, Debug, Deserialize)]
pub struct Auth {
    /// Who may make an account.
    pub registration: Registration,
    /// What the gateway shows to auth-service.
    pub gateway_credential: Option<SecretString>,
}

/// `limits.*`
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Limits {
    /// Sign-in requests of an address, and of an account from one origin.
    pub auth_per_minute: u64,
    /// API requests of a person.
    pub api_per_minute: u64,
    /// WebSockets of a person at one gateway; 0: any number.
    pub sockets_per_person: u64,
    /// Connections of an address on which nobody is signed in, and of a person, at one gateway; 0: any
    /// number.
    pub connections_per_address: u64,
    /// Bytes that a person's own calls may add to streams in a UTC day; 0: any number.
    pub stream_bytes_per_day: u64,
    /// Bytes of archives that a person may import in a UTC day; 0: any number.
    pub import_bytes_per_day: u64,
}

/// `lockout.*`
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Lockout {
    /// Different wrong passwords that lock.
    pub failures: u64,
    /// How long.
    pub seconds: u64,
}

/// `mail.*`
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Mail {
    /// Where it goes; may hold a password. Unset: files in `<data_dir>/mail`.
    pub url: Option<SecretString>,
    /// Whom it comes from. Unset: `no-reply` at the host of the public URL.
    pub from: Option<String>,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anyone.
    Open,
    /// Anyone who proves their address.
    Verified,
    /// Admins.
    Closed,
}

/// `bootstrap.*`
#[derive(Clone, Debug, Deserialize)]
pub struct Bootstrap {
    /// Address of the first admin.
    pub admin_email: String,
    /// Their password; generated when unset.
    pub admin_password: Option<SecretString>,
}

/// `shutdown.*`
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Shutdown {
    /// Longest drain.
    pub grace_seconds: u64,
}

/// `log.*`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Log {
    /// Unset: by where the logs go.
    pub format: Option<LogFormat>,
}

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines.
    Json,
}
