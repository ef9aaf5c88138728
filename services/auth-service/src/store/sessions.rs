//! Sessions.

use redis_contracts::{Timestamp, keys::SessionRecord, resource::User};
use service_kit::Problem;
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    Store, sql_problem,
    users::{user, user_columns},
};

/// Ended and expired sessions are kept for this long.
const KEPT_MS: i64 = 7 * 86_400_000;

/// A session as SQL holds it.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Session id.
    pub id: Uuid,
    /// Whose it is.
    pub user: User,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    /// When it was last slid.
    pub last_seen: Timestamp,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
    /// The client's `User-Agent`.
    pub agent: String,
    /// The client's address.
    pub address: String,
    /// Grows with each change.
    pub version: u64,
}

/// A session that begins.
pub struct NewSession {
    /// Whose it is.
    pub user: User,
    /// The client's `User-Agent`.
    pub agent: String,
    /// The client's address.
    pub address: String,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
}

impl SessionRow {
    /// Neither ended nor expired.
    pub fn is_live(&self) -> bool {
        self.ended_at.is_none() && self.expires_at > Timestamp::now()
    }

    /// The hot copy.
    pub fn record(&self) -> SessionRecord {
        SessionRecord {
            version: self.version,
            user: self.user.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_seen: self.last_seen,
            ended_at: self.ended_at,
            agent: self.agent.clone(),
            address: self.address.clone(),
        }
    }
}

fn session(row: &SqliteRow) -> SessionRow {
    SessionRow {
        id: row.get("id"),
        user: user(row),
        created_at: Timestamp::from_unix_ms(row.get("created_at")),
        expires_at: Timestamp::from_unix_ms(row.get("expires_at")),
        last_seen: Timestamp::from_unix_ms(row.get("last_seen")),
        ended_at: row
            .get::<Option<i64>, _>("ended_at")
            .map(Timestamp::from_unix_ms),
        agent: row.get("agent"),
        address: row.get("address"),
        version: row.get::<i64, _>("version").unsigned_abs(),
    }
}

macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "SELECT s.*, ",
            user_columns!(),
            " FROM sessions s JOIN users u ON u.id = s.user_id ",
            $rest
        )
    };
}

impl Store {
    /// Begins a session. Redis has to hear of it.
    pub async fn create_session(&self, new: NewSession) -> Result<SessionRow, Problem> {
        let now = Timestamp::now();
        let row = SessionRow {
            id: Uuid::now_v7(),
            user: new.user,
            created_at: now,
            expires_at: new.expires_at,
            last_seen: now,
            ended_at: None,
            agent: new.agent,
            address: new.address,
            version: 1,
        };
        sqlx::query(
            "INSERT INTO sessions (id, user_id, created_at, expires_at, last_seen, agent, address, version, unheard)
             VALUES (?, ?, ?, ?, ?, ?, ?, 1, 1)",
        )
        .bind(row.id)
        .bind(row.user.id)
        .bind(row.created_at.unix_ms())
        .bind(row.expires_at.unix_ms())
        .bind(row.last_seen.unix_ms())
        .bind(&row.agent)
        .bind(&row.address)
        .execute(&self.write)
        .await
        .map_err(sql_problem)?;
        Ok(row)
    }

    /// A session, whatever its state.
    pub async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, Problem> {
        sqlx::query(select_session!("WHERE s.id = ?"))
            .bind(id)
            .fetch_optional(&self.read)
            .await
            .map(|row| row.map(|row| session(&row)))
            .map_err(sql_problem)
    }

    /// Ends a session that has not ended. Redis has to hear of it.
    pub async fn end_session(&self, id: Uuid) -> Result<(), Problem> {
        sqlx::query("UPDATE sessions SET ended_at = ?, version = version + 1, unheard = 1 WHERE id = ? AND ended_at IS NULL")
            .bind(Timestamp::now().unix_ms())
            .bind(id)
            .execute(&self.write)
            .await
            .map(drop)
            .map_err(sql_problem)
    }

    /// Slides a live session. Redis has to hear of it.
    pub async fn slide_session(
        &self,
        id: Uuid,
        last_seen: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE sessions SET last_seen = ?1, expires_at = ?2, version = version + 1, unheard = 1
             WHERE id = ?3 AND ended_at IS NULL AND expires_at > ?1",
        )
        .bind(last_seen.unix_ms())
        .bind(expires_at.unix_ms())
        .bind(id)
        .execute(&self.write)
        .await
        .map(drop)
        .map_err(sql_problem)
    }

    /// Sessions whose last change Redis has not heard of. Asked of the connection that writes: it
    /// may still be busy with the change of a caller who has hung up, and answers after it.
    pub async fn unheard_sessions(&self, limit: i64) -> Result<Vec<SessionRow>, Problem> {
        sqlx::query(select_session!("WHERE s.unheard = 1 LIMIT ?"))
            .bind(limit)
            .fetch_all(&self.write)
            .await
            .map(|rows| rows.iter().map(session).collect())
            .map_err(sql_problem)
    }

    /// The live sessions of a person.
    pub async fn live_sessions(&self, user_id: Uuid) -> Result<Vec<SessionRow>, Problem> {
        sqlx::query(select_session!(
            "WHERE s.user_id = ? AND s.ended_at IS NULL AND s.expires_at > ?"
        ))
        .bind(user_id)
        .bind(Timestamp::now().unix_ms())
        .fetch_all(&self.read)
        .await
        .map(|rows| rows.iter().map(session).collect())
        .map_err(sql_problem)
    }

    /// Redis has heard of this version.
    pub async fn heard(&self, id: Uuid, version: u64) -> Result<(), Problem> {
        sqlx::query("UPDATE sessions SET unheard = 0 WHERE id = ? AND version = ?")
            .bind(id)
            .bind(version as i64)
            .execute(&self.write)
            .await
            .map(drop)
            .map_err(sql_problem)
    }

    /// Deletes sessions that are long over, so many at most; answers how many.
    pub async fn forget_old_sessions(&self, limit: u32) -> Result<u64, Problem> {
        sqlx::query("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < ? LIMIT ?)")
            .bind(Timestamp::now().unix_ms() - KEPT_MS)
            .bind(limit)
            .execute(&self.write)
            .await
            .map(|done| done.rows_affected())
            .map_err(sql_problem)
    }
}
