//! How an instance is reached, as the settings say.

use std::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo, io::tcp::TcpSettings};
use secrecy::{ExposeSecret, SecretString};
use socket2::TcpKeepalive;

/// Settings of one Redis instance (`redis.cache.*` or `redis.streams.*`).
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// `redis://` or `rediss://`, user and password allowed.
    pub url: SecretString,
    /// Password, when it is not in the URL.
    pub password: Option<SecretString>,
    /// Database number, when it is not in the URL.
    pub db: Option<i64>,
    /// Connections for bulk work.
    pub pool_size: usize,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// How often a safe command is tried again.
    pub retries: u32,
    /// TCP keepalive.
    pub keepalive: Duration,
    /// How often an idle link is checked.
    pub health_check: Duration,
}

/// A Redis URL that cannot be used. Says why without repeating the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("not a Redis URL ({0}); expected redis://[user:password@]host:port[/db] or rediss://...")]
pub struct InvalidRedisUrl(String);

impl InvalidRedisUrl {
    pub(crate) fn tls() -> Self {
        Self("TLS cannot be set up".to_owned())
    }
}

impl RedisSettings {
    /// Of the Redis at this address, with the defaults of `docs/configuration.md`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            password: None,
            db: None,
            pool_size: 16,
            timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            retries: 2,
            keepalive: Duration::from_secs(30),
            health_check: Duration::from_secs(5),
        }
    }

    /// The connection parameters for redis-rs, RESP3.
    pub(crate) fn connection_info(&self) -> Result<ConnectionInfo, InvalidRedisUrl> {
        let info = self
            .url
            .expose_secret()
            .into_connection_info()
            .map_err(|error| InvalidRedisUrl(error.to_string()))?;
        let mut redis = info
            .redis_settings()
            .clone()
            .set_protocol(redis::ProtocolVersion::RESP3);
        if let Some(password) = &self.password {
            redis = redis.set_password(password.expose_secret());
        }
        if let Some(db) = self.db {
            redis = redis.set_db(db);
        }
        let tcp = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(TcpKeepalive::new().with_time(self.keepalive));
        Ok(info.set_redis_settings(redis).set_tcp_settings(tcp))
    }

    /// Checks the URL without connecting.
    pub fn check(&self) -> Result<(), InvalidRedisUrl> {
        self.connection_info().map(drop)
    }
}
