//! What all replicas share: secrets that are made once, and the last wish for new signing keys.

use redis_contracts::Timestamp;
use service_kit::Problem;

use super::{Store, sql_problem};

/// A secret that is made once and shared by all replicas.
#[derive(Clone, Copy, Debug)]
pub enum SharedSecret {
    /// Seals the secrets of second factors.
    Seal,
    /// Keys the hashes of wrong passwords.
    Failures,
}

impl SharedSecret {
    const fn name(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Failures => "failures",
        }
    }
}

const ROTATION: &str = "rotation_asked_at";

impl Store {
    /// A shared secret; the first who asks makes it.
    pub async fn shared_secret(&self, secret: SharedSecret) -> Result<[u8; 32], Problem> {
        let mut made = [0; 32];
        aws_lc_rs::rand::fill(&mut made).map_err(Problem::internal)?;
        sqlx::query("INSERT INTO shared (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(secret.name())
            .bind(made.to_vec())
            .execute(&self.write)
            .await
            .map_err(sql_problem)?;
        let held: Vec<u8> = sqlx::query_scalar("SELECT value FROM shared WHERE name = $1")
            .bind(secret.name())
            .fetch_one(&self.write)
            .await
            .map_err(sql_problem)?;
        held.try_into()
            .map_err(|_| Problem::internal("a shared secret has a wrong length"))
    }

    /// Asks every replica for a new signing key.
    pub async fn ask_rotation(&self, now: Timestamp) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO shared (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
        )
        .bind(ROTATION)
        .bind(now.unix_ms().to_be_bytes().to_vec())
        .execute(&self.write)
        .await
        .map(drop)
        .map_err(sql_problem)
    }

    /// When new signing keys were last asked for.
    pub async fn rotation_asked_at(&self) -> Result<Option<Timestamp>, Problem> {
        let held: Option<Vec<u8>> = sqlx::query_scalar("SELECT value FROM shared WHERE name = $1")
            .bind(ROTATION)
            .fetch_optional(&self.read)
            .await
            .map_err(sql_problem)?;
        let unix_ms = held.and_then(|bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?)));
        Ok(unix_ms.map(Timestamp::from_unix_ms))
    }
}
