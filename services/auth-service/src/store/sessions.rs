//! Sessions, each with its refresh family.

use redis_contracts::{Timestamp, keys::SessionRecord, resource::User};
use service_kit::Problem;
use sql::{id_bytes, id_of};
use sqlx::{
    Any, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};
use uuid::Uuid;

use super::{
    Change, Store, sql_problem,
    users::{user, user_columns},
};
use crate::domain::refresh::{Family, RefreshToken};

/// Sessions are kept for this long after their last possible use.
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
    /// When its person last gave their password.
    pub authenticated_at: Timestamp,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
    /// The client's `User-Agent`.
    pub agent: String,
    /// The client's address.
    pub address: String,
    /// Grows with each change that others have to hear of.
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

/// A family that moves on, and its session with it.
pub struct Rotation<'a> {
    /// The session; slid where `slides`, with a newer version then.
    pub row: &'a SessionRow,
    /// The family as it was read.
    pub held: &'a Family,
    /// The family as it is from now on.
    pub next: &'a Family,
    /// Whether the session is slid.
    pub slides: bool,
}

impl Rotation<'_> {
    fn statement(&self) -> Query<'static, Any, AnyArguments> {
        let Self {
            row,
            held,
            next,
            slides,
        } = self;
        sqlx::query(
            "UPDATE sessions SET refresh_sha256 = $1, refresh_made = $2, last_seen = $3, expires_at = $4,
                version = version + $5, unheard = CASE WHEN $5 = 1 THEN 1 ELSE unheard END, agent = $6, address = $7
             WHERE id = $8 AND refresh_sha256 = $9 AND ended_at IS NULL AND version = $10",
        )
        .bind(next.newest.to_vec())
        .bind(next.made_json())
        .bind(row.last_seen.unix_ms())
        .bind(row.expires_at.unix_ms())
        .bind(i64::from(*slides))
        .bind(row.agent.clone())
        .bind(row.address.clone())
        .bind(id_bytes(row.id))
        .bind(held.newest.to_vec())
        .bind(row.version.cast_signed() - i64::from(*slides))
    }
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
            machine: None,
        }
    }
}

fn session(row: &AnyRow) -> Result<SessionRow, Problem> {
    let time = |column| Timestamp::from_unix_ms(row.get(column));
    Ok(SessionRow {
        id: id_of(row, "id")?,
        user: user(row)?,
        created_at: time("created_at"),
        expires_at: time("expires_at"),
        last_seen: time("last_seen"),
        authenticated_at: time("authenticated_at"),
        ended_at: row
            .get::<Option<i64>, _>("ended_at")
            .map(Timestamp::from_unix_ms),
        agent: row.get("agent"),
        address: row.get("address"),
        version: row.get::<i64, _>("version").unsigned_abs(),
    })
}

macro_rules! select_session {
    ($rest:literal) => {
        select_session!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT s.id, s.created_at, s.expires_at, s.last_seen, s.authenticated_at, s.ended_at, s.agent, s.address, \
             s.version, s.refresh_sha256, s.refresh_made, ",
            $more,
            user_columns!(),
            " FROM sessions s JOIN users u ON u.id = s.user_id ",
            $rest
        )
    };
}

const FAMILY: &str = select_session!("WHERE s.family_sha256 = $1");

/// PostgreSQL knows what `now` is for all its replicas.
const FAMILY_NOW: &str = select_session!(
    "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms, ",
    "WHERE s.family_sha256 = $1"
);

impl Store {
    /// A session, whatever its state.
    pub async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, Problem> {
        let row = sqlx::query(select_session!("WHERE s.id = $1"))
            .bind(id_bytes(id))
            .fetch_optional(&self.read)
            .await
            .map_err(sql_problem)?;
        row.as_ref().map(session).transpose()
    }

    /// The session that a refresh token belongs to, the state of its family, and the moment of looking, by
    /// a clock that all have who look.
    pub async fn family(
        &self,
        token: &RefreshToken,
    ) -> Result<Option<(SessionRow, Family, Timestamp)>, Problem> {
        let statement = match self.own_clock {
            Some(_) => FAMILY,
            None => FAMILY_NOW,
        };
        let row = sqlx::query(statement)
            .bind(token.family_sha256().to_vec())
            .fetch_optional(&self.read)
            .await
            .map_err(sql_problem)?;
        row.map(|row| {
            let newest: Vec<u8> = row.get("refresh_sha256");
            let family = Family::stored(&newest, row.get("refresh_made"));
            let now = match &self.own_clock {
                Some(clock) => clock.now(),
                None => Timestamp::from_unix_ms(row.get("now_ms")),
            };
            Ok((session(&row)?, family.map_err(Problem::internal)?, now))
        })
        .transpose()
    }

    /// Stores a rotation; `false` when another request was faster, or the session has ended. One
    /// statement, and so one commit.
    pub async fn rotate(&self, rotation: &Rotation<'_>) -> Result<bool, Problem> {
        let rotated = rotation.statement().execute(&self.write).await;
        Ok(rotated.map_err(sql_problem)?.rows_affected() == 1)
    }

    /// Slides a live session, unless another request just did. Redis has to hear of it.
    pub async fn slide_session(
        &self,
        held: &SessionRow,
        last_seen: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE sessions SET last_seen = $1, expires_at = $2, version = version + 1, unheard = 1
             WHERE id = $3 AND ended_at IS NULL AND expires_at > $1 AND last_seen = $4",
        )
        .bind(last_seen.unix_ms())
        .bind(expires_at.unix_ms())
        .bind(id_bytes(held.id))
        .bind(held.last_seen.unix_ms())
        .execute(&self.write)
        .await
        .map(drop)
        .map_err(sql_problem)
    }

    /// A person gave their password again.
    pub async fn authenticated(&self, id: Uuid, now: Timestamp) -> Result<(), Problem> {
        sqlx::query("UPDATE sessions SET authenticated_at = $1 WHERE id = $2")
            .bind(now.unix_ms())
            .bind(id_bytes(id))
            .execute(&self.write)
            .await
            .map(drop)
            .map_err(sql_problem)
    }

    /// Sessions whose last change Redis has not heard of. Asked where changes are made: a change of a
    /// caller who has hung up may still be on its way there, and is seen after it.
    pub async fn unheard_sessions(&self, limit: i64) -> Result<Vec<SessionRow>, Problem> {
        let rows = sqlx::query(select_session!("WHERE s.unheard = 1 LIMIT $1"))
            .bind(limit)
            .fetch_all(&self.write)
            .await
            .map_err(sql_problem)?;
        rows.iter().map(session).collect()
    }

    /// Those of one person, so many at most: what has ended first.
    pub async fn unheard_sessions_of(
        &self,
        user_id: Uuid,
        limit: i64,
    ) -> Result<Vec<SessionRow>, Problem> {
        let rows = sqlx::query(select_session!(
            "WHERE s.user_id = $1 AND s.unheard = 1
             ORDER BY CASE WHEN s.ended_at IS NULL THEN 1 ELSE 0 END, s.id DESC LIMIT $2"
        ))
        .bind(id_bytes(user_id))
        .bind(limit)
        .fetch_all(&self.write)
        .await
        .map_err(sql_problem)?;
        rows.iter().map(session).collect()
    }

    /// The live sessions of a person, newest first, 1,000 at most.
    pub async fn live_sessions(&self, user_id: Uuid) -> Result<Vec<SessionRow>, Problem> {
        let rows = sqlx::query(select_session!(
            "WHERE s.user_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 ORDER BY s.id DESC LIMIT 1000"
        ))
        .bind(id_bytes(user_id))
        .bind(Timestamp::now().unix_ms())
        .fetch_all(&self.read)
        .await
        .map_err(sql_problem)?;
        rows.iter().map(session).collect()
    }

    /// Deletes sessions that began long before `oldest`, so many at most; answers how many.
    pub async fn forget_old_sessions(&self, oldest: Timestamp, limit: i64) -> Result<u64, Problem> {
        let kept_from_ms = oldest.unix_ms() - KEPT_MS;
        sqlx::query(
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE created_at < $1 AND unheard = 0 LIMIT $2)",
        )
        .bind(kept_from_ms)
        .bind(limit)
        .execute(&self.write)
        .await
        .map(|done| done.rows_affected())
        .map_err(sql_problem)
    }
}

impl Change {
    /// Begins a session. Redis has to hear of it.
    pub async fn create_session(
        &mut self,
        new: NewSession,
        token: &RefreshToken,
    ) -> Result<SessionRow, Problem> {
        let row = SessionRow {
            id: Uuid::now_v7(),
            user: new.user,
            created_at: self.now,
            expires_at: new.expires_at,
            last_seen: self.now,
            authenticated_at: self.now,
            ended_at: None,
            agent: new.agent,
            address: new.address,
            version: 1,
        };
        sqlx::query(
            "INSERT INTO sessions (id, user_id, created_at, expires_at, last_seen, authenticated_at, agent, address,
                version, unheard, family_sha256, refresh_sha256)
             VALUES ($1, $2, $3, $4, $3, $3, $5, $6, 1, 1, $7, $8)",
        )
        .bind(id_bytes(row.id))
        .bind(id_bytes(row.user.id))
        .bind(row.created_at.unix_ms())
        .bind(row.expires_at.unix_ms())
        .bind(row.agent.as_str())
        .bind(row.address.as_str())
        .bind(token.family_sha256().to_vec())
        .bind(token.sha256().to_vec())
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        Ok(row)
    }

    /// As [`Store::rotate`].
    pub async fn rotate(&mut self, rotation: &Rotation<'_>) -> Result<bool, Problem> {
        let rotated = rotation.statement().execute(self.sql()).await;
        Ok(rotated.map_err(sql_problem)?.rows_affected() == 1)
    }

    /// Whether a repeat of a refresh token is to be recorded: none was within `apart_ms`.
    pub async fn note_repeat(&mut self, id: Uuid, apart_ms: i64) -> Result<bool, Problem> {
        let now_ms = self.now.unix_ms();
        let noted = sqlx::query(
            "UPDATE sessions SET refresh_repeated_at = $1 WHERE id = $2 AND refresh_repeated_at <= $3",
        )
        .bind(now_ms)
        .bind(id_bytes(id))
        .bind(now_ms - apart_ms)
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        Ok(noted.rows_affected() == 1)
    }

    /// Ends one of a person's sessions. Redis has to hear of it. Answers whether it had not ended.
    pub async fn end_session(&mut self, user_id: Uuid, id: Uuid) -> Result<bool, Problem> {
        let now_ms = self.now.unix_ms();
        let ended = sqlx::query(
            "UPDATE sessions SET ended_at = $1, version = version + 1, unheard = 1
             WHERE id = $2 AND user_id = $3 AND ended_at IS NULL",
        )
        .bind(now_ms)
        .bind(id_bytes(id))
        .bind(id_bytes(user_id))
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        Ok(ended.rows_affected() == 1)
    }

    /// Ends all sessions of a person but this one; answers those that were live. Redis has to hear of
    /// them; of those whose idle time was over it holds nothing, and they cannot be refreshed any more.
    pub async fn end_sessions(
        &mut self,
        user_id: Uuid,
        but: Option<Uuid>,
    ) -> Result<Vec<Uuid>, Problem> {
        let now_ms = self.now.unix_ms();
        let rows = sqlx::query(
            "UPDATE sessions SET ended_at = $1, version = version + 1,
                unheard = CASE WHEN expires_at > $1 THEN 1 ELSE unheard END
             WHERE user_id = $2 AND id <> $3 AND ended_at IS NULL RETURNING id, expires_at",
        )
        .bind(now_ms)
        .bind(id_bytes(user_id))
        .bind(id_bytes(but.unwrap_or_default()))
        .fetch_all(self.sql())
        .await
        .map_err(sql_problem)?;
        let live = rows
            .iter()
            .filter(|row| row.get::<i64, _>("expires_at") > now_ms);
        live.map(|row| id_of(row, "id")).collect()
    }

    /// Whether a session has not ended.
    pub async fn is_open(&mut self, id: Uuid) -> Result<bool, Problem> {
        let row = sqlx::query("SELECT 1 FROM sessions WHERE id = $1 AND ended_at IS NULL")
            .bind(id_bytes(id))
            .fetch_optional(self.sql())
            .await
            .map_err(sql_problem)?;
        Ok(row.is_some())
    }

    /// Ends the oldest open sessions of a person beyond `most`; where earlier versions left more, some of
    /// them. Redis has to hear of it. Answers whether any ended.
    pub async fn end_oldest(&mut self, user_id: Uuid, most: i64) -> Result<bool, Problem> {
        let now_ms = self.now.unix_ms();
        sqlx::query(
            "UPDATE sessions SET ended_at = $1, version = version + 1, unheard = 1
             WHERE id IN (SELECT id FROM sessions WHERE user_id = $2 AND ended_at IS NULL
                ORDER BY id DESC LIMIT 100 OFFSET $3)",
        )
        .bind(now_ms)
        .bind(id_bytes(user_id))
        .bind(most)
        .execute(self.sql())
        .await
        .map(|ended| ended.rows_affected() > 0)
        .map_err(sql_problem)
    }

    /// The account changed, and with it what is told of its sessions and machine tokens.
    pub async fn touch_copies(&mut self, user_id: Uuid) -> Result<(), Problem> {
        for statement in [
            "UPDATE sessions SET version = version + 1, unheard = 1 WHERE user_id = $1 AND ended_at IS NULL",
            "UPDATE machine_tokens SET version = version + 1, unheard = 1 WHERE user_id = $1 AND revoked_at IS NULL",
        ] {
            sqlx::query(statement)
                .bind(id_bytes(user_id))
                .execute(self.sql())
                .await
                .map_err(sql_problem)?;
        }
        Ok(())
    }
}
