//! Machine tokens.

use redis_contracts::{
    Timestamp,
    keys::{MachineAccess, Scope, SessionRecord},
    resource::User,
};
use service_kit::Problem;
use sql::{id_bytes, id_of};
use sqlx::{Row, any::AnyRow};
use uuid::Uuid;

use super::{
    Change, Store, sql_problem,
    users::{user, user_columns},
};
use crate::domain::secret::hex;

/// A machine token as SQL holds it.
#[derive(Clone, Debug)]
pub struct MachineRow {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub user: User,
    /// What they call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its text.
    pub sha256: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The last day it is good; empty: for ever.
    pub expires_on: String,
    /// The moment after which it is not good any more.
    pub expires_at: Timestamp,
    /// When it was last used, to a quarter of an hour.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Grows with each change.
    pub version: u64,
}

/// A machine token that is made.
pub struct NewMachineToken {
    /// Its id, which is part of its text.
    pub id: Uuid,
    /// What its person calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its text.
    pub sha256: [u8; 32],
    /// The last day it is good; empty: for ever.
    pub expires_on: String,
    /// The moment after which it is not good any more.
    pub expires_at: Timestamp,
}

impl MachineRow {
    /// Neither revoked nor expired.
    pub fn is_live(&self) -> bool {
        self.revoked_at.is_none() && self.expires_at > Timestamp::now()
    }

    /// The hot copy.
    pub fn record(&self) -> SessionRecord {
        SessionRecord {
            version: self.version,
            user: self.user.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_seen: self.last_used_at.unwrap_or(self.created_at),
            ended_at: self.revoked_at,
            agent: self.name.clone(),
            address: String::new(),
            machine: Some(MachineAccess {
                sha256: hex(&self.sha256),
                scopes: self.scopes.clone(),
            }),
        }
    }
}

fn machine(row: &AnyRow) -> Result<MachineRow, Problem> {
    let time = |column| {
        let unix_ms: Option<i64> = row.get(column);
        unix_ms.map(Timestamp::from_unix_ms)
    };
    Ok(MachineRow {
        id: id_of(row, "id")?,
        user: user(row)?,
        name: row.get("name"),
        scopes: serde_json::from_str(row.get("scopes")).map_err(Problem::internal)?,
        sha256: row.get("sha256"),
        created_at: Timestamp::from_unix_ms(row.get("created_at")),
        expires_on: row.get("expires_on"),
        expires_at: Timestamp::from_unix_ms(row.get("expires_at")),
        last_used_at: time("last_used_at"),
        revoked_at: time("revoked_at"),
        version: row.get::<i64, _>("version").unsigned_abs(),
    })
}

macro_rules! select_machine {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.name, t.scopes, t.sha256, t.created_at, t.expires_on, t.expires_at, t.last_used_at, \
             t.revoked_at, t.version, ",
            user_columns!(),
            " FROM machine_tokens t JOIN users u ON u.id = t.user_id ",
            $rest
        )
    };
}

impl Store {
    /// A machine token, whatever its state.
    pub async fn machine_token(&self, id: Uuid) -> Result<Option<MachineRow>, Problem> {
        let row = sqlx::query(select_machine!("WHERE t.id = $1"))
            .bind(id_bytes(id))
            .fetch_optional(&self.read)
            .await
            .map_err(sql_problem)?;
        row.as_ref().map(machine).transpose()
    }

    /// A person's machine tokens that are not revoked, newest first.
    pub async fn machine_tokens(&self, user_id: Uuid) -> Result<Vec<MachineRow>, Problem> {
        let rows = sqlx::query(select_machine!(
            "WHERE t.user_id = $1 AND t.revoked_at IS NULL ORDER BY t.id DESC"
        ))
        .bind(id_bytes(user_id))
        .fetch_all(&self.read)
        .await
        .map_err(sql_problem)?;
        rows.iter().map(machine).collect()
    }

    /// Machine tokens whose last change Redis has not heard of.
    pub async fn unheard_machine_tokens(&self, limit: i64) -> Result<Vec<MachineRow>, Problem> {
        let rows = sqlx::query(select_machine!("WHERE t.unheard = 1 LIMIT $1"))
            .bind(limit)
            .fetch_all(&self.write)
            .await
            .map_err(sql_problem)?;
        rows.iter().map(machine).collect()
    }

    /// Those of one person.
    pub async fn unheard_machine_tokens_of(
        &self,
        user_id: Uuid,
    ) -> Result<Vec<MachineRow>, Problem> {
        let rows = sqlx::query(select_machine!("WHERE t.user_id = $1 AND t.unheard = 1"))
            .bind(id_bytes(user_id))
            .fetch_all(&self.write)
            .await
            .map_err(sql_problem)?;
        rows.iter().map(machine).collect()
    }

    /// A machine token was used. Redis has to hear of it.
    pub async fn machine_token_used(&self, id: Uuid, now: Timestamp) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE machine_tokens SET last_used_at = $1, version = version + 1, unheard = 1
             WHERE id = $2 AND revoked_at IS NULL",
        )
        .bind(now.unix_ms())
        .bind(id_bytes(id))
        .execute(&self.write)
        .await
        .map(drop)
        .map_err(sql_problem)
    }

    /// Deletes machine tokens that were revoked or expired before `oldest`.
    pub async fn forget_old_machine_tokens(&self, oldest: Timestamp) -> Result<u64, Problem> {
        sqlx::query(
            "DELETE FROM machine_tokens WHERE unheard = 0 AND (revoked_at < $1 OR expires_at < $1)",
        )
        .bind(oldest.unix_ms())
        .execute(&self.write)
        .await
        .map(|done| done.rows_affected())
        .map_err(sql_problem)
    }
}

impl Change {
    /// Makes a machine token, unless its person has `most` already; answers whether it was made.
    pub async fn create_machine_token(
        &mut self,
        user_id: Uuid,
        new: &NewMachineToken,
        most: i64,
    ) -> Result<bool, Problem> {
        let scopes = serde_json::to_string(&new.scopes).map_err(Problem::internal)?;
        let now_ms = self.now.unix_ms();
        let held: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM machine_tokens WHERE user_id = $1 AND revoked_at IS NULL",
        )
        .bind(id_bytes(user_id))
        .fetch_one(self.sql())
        .await
        .map_err(sql_problem)?;
        if held >= most {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO machine_tokens (id, user_id, name, scopes, sha256, created_at, expires_on, expires_at, version, unheard)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, 1)",
        )
        .bind(id_bytes(new.id))
        .bind(id_bytes(user_id))
        .bind(new.name.as_str())
        .bind(scopes)
        .bind(new.sha256.to_vec())
        .bind(now_ms)
        .bind(new.expires_on.as_str())
        .bind(new.expires_at.unix_ms())
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        Ok(true)
    }

    /// Revokes one of a person's machine tokens, or all of them; answers which. Redis has to hear of it.
    pub async fn revoke_machine_tokens(
        &mut self,
        user_id: Uuid,
        only: Option<Uuid>,
    ) -> Result<Vec<(Uuid, String)>, Problem> {
        let now_ms = self.now.unix_ms();
        let (any, id) = (i64::from(only.is_none()), only.unwrap_or_default());
        let rows = sqlx::query(
            "UPDATE machine_tokens SET revoked_at = $1, version = version + 1, unheard = 1
             WHERE user_id = $2 AND revoked_at IS NULL AND ($3 = 1 OR id = $4) RETURNING id, name",
        )
        .bind(now_ms)
        .bind(id_bytes(user_id))
        .bind(any)
        .bind(id_bytes(id))
        .fetch_all(self.sql())
        .await
        .map_err(sql_problem)?;
        let revoked = rows
            .iter()
            .map(|row| Ok((id_of(row, "id")?, row.get("name"))));
        revoked.collect()
    }

    /// Machine tokens of a person lose a scope, and are revoked where it was their only one; answers which
    /// were. Redis has to hear of it.
    pub async fn withdraw_scope(
        &mut self,
        user_id: Uuid,
        scope: Scope,
    ) -> Result<Vec<(Uuid, String)>, Problem> {
        let rows = sqlx::query(
            "SELECT id, scopes FROM machine_tokens WHERE user_id = $1 AND revoked_at IS NULL",
        )
        .bind(id_bytes(user_id))
        .fetch_all(self.sql())
        .await
        .map_err(sql_problem)?;
        let mut revoked = Vec::new();
        for row in rows {
            let id = id_of(&row, "id")?;
            let mut scopes: Vec<Scope> =
                serde_json::from_str(row.get("scopes")).map_err(Problem::internal)?;
            if !scopes.contains(&scope) {
                continue;
            }
            scopes.retain(|held| *held != scope);
            if scopes.is_empty() {
                revoked.extend(self.revoke_machine_tokens(user_id, Some(id)).await?);
                continue;
            }
            sqlx::query(
                "UPDATE machine_tokens SET scopes = $1, version = version + 1, unheard = 1 WHERE id = $2",
            )
            .bind(serde_json::to_string(&scopes).map_err(Problem::internal)?)
            .bind(id_bytes(id))
            .execute(self.sql())
            .await
            .map_err(sql_problem)?;
        }
        Ok(revoked)
    }
}
