//! Failed sign-ins: those to one account from one network are one event an hour, with their count, so
//! that a storm neither fills the log nor hides in it.

use redis_contracts::{Timestamp, event::EventBody};
use service_kit::Problem;
use sql::{id_bytes, id_of};
use sqlx::{Row, any::AnyRow};
use uuid::Uuid;

use super::{Change, Happened, Store, Who, sql_problem};

/// Somebody who has a password and no code is one letter in this time.
const LETTERS_APART_MS: i64 = 86_400_000;

/// The first is recorded at once; those that follow within this, together.
const APART_MS: i64 = 3_600_000;

/// A sign-in that failed.
pub struct FailedSignIn<'a> {
    /// SHA-256 of the address that was given.
    pub account: &'a [u8],
    /// The network that it came from.
    pub network: &'a str,
    /// Whose address it is; none where nobody has it.
    pub user_id: Option<Uuid>,
}

/// What of them no event has counted.
struct Waiting {
    count: i64,
    recorded_at: i64,
    user_id: Option<Uuid>,
    who: Who,
}

impl Waiting {
    fn of(row: &AnyRow) -> Result<Self, Problem> {
        let known = |column| Some(row.get::<String, _>(column)).filter(|text| !text.is_empty());
        let user_id: Option<Vec<u8>> = row.get("user_id");
        Ok(Self {
            count: row.get("waiting"),
            recorded_at: row.get("recorded_at"),
            user_id: user_id.map(|_| id_of(row, "user_id")).transpose()?,
            who: Who {
                agent: known("agent"),
                address: known("address"),
                ..Who::default()
            },
        })
    }
}

impl Change {
    /// Counts a sign-in that failed.
    pub async fn count_failure(
        &mut self,
        failed: &FailedSignIn<'_>,
        who: &Who,
    ) -> Result<(), Problem> {
        let now_ms = self.now.unix_ms();
        let row = sqlx::query(
            "INSERT INTO sign_in_failures (account, network, user_id, agent, address, recorded_at, waiting)
             VALUES ($1, $2, $3, $4, $5, 0, 1)
             ON CONFLICT (account, network) DO UPDATE
                SET user_id = $3, agent = $4, address = $5, waiting = sign_in_failures.waiting + 1
             RETURNING recorded_at, waiting, user_id, agent, address",
        )
        .bind(failed.account)
        .bind(failed.network)
        .bind(failed.user_id.map(id_bytes))
        .bind(who.agent.clone().unwrap_or_default())
        .bind(who.address.clone().unwrap_or_default())
        .fetch_one(self.sql())
        .await
        .map_err(sql_problem)?;
        let waiting = Waiting::of(&row)?;
        if waiting.recorded_at > now_ms - APART_MS {
            return Ok(());
        }
        self.record_failures(failed.account, failed.network, waiting)
            .await
    }

    /// Somebody has the password of an account; whether its person is to be written to.
    pub async fn note_password_known(&mut self, user_id: Uuid) -> Result<bool, Problem> {
        let now_ms = self.now.unix_ms();
        let noted = sqlx::query(
            "UPDATE users SET password_known_at = $2 WHERE id = $1 AND password_known_at <= $3",
        )
        .bind(id_bytes(user_id))
        .bind(now_ms)
        .bind(now_ms - LETTERS_APART_MS)
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        Ok(noted.rows_affected() == 1)
    }

    async fn record_failures(
        &mut self,
        account: &[u8],
        network: &str,
        waiting: Waiting,
    ) -> Result<(), Problem> {
        let now_ms = self.now.unix_ms();
        let settled = sqlx::query(
            "UPDATE sign_in_failures SET recorded_at = $3, waiting = waiting - $4
             WHERE account = $1 AND network = $2 AND recorded_at = $5",
        )
        .bind(account)
        .bind(network)
        .bind(now_ms)
        .bind(waiting.count)
        .bind(waiting.recorded_at)
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        if settled.rows_affected() == 0 {
            // Another replica was faster.
            return Ok(());
        }
        let plural = if waiting.count == 1 { "" } else { "s" };
        let happened = Happened {
            body: EventBody::SignInFailed,
            user_id: waiting.user_id,
            detail: Some(format!("{} attempt{plural}", waiting.count)),
        };
        self.record(&waiting.who, happened);
        Ok(())
    }
}

impl Store {
    /// Records what waits for long enough, of so many networks at most, and forgets networks of which
    /// nothing waits; answers how many were looked at.
    pub async fn settle_failures(&self, limit: i64) -> Result<u64, Problem> {
        let before_ms = Timestamp::now().unix_ms() - APART_MS;
        let mut change = self.change().await?;
        let rows = sqlx::query(
            "SELECT account, network, user_id, agent, address, recorded_at, waiting FROM sign_in_failures
             WHERE recorded_at <= $1 ORDER BY recorded_at LIMIT $2",
        )
        .bind(before_ms)
        .bind(limit)
        .fetch_all(change.sql())
        .await
        .map_err(sql_problem)?;
        for row in &rows {
            let (account, network): (Vec<u8>, String) = (row.get("account"), row.get("network"));
            let forgotten = sqlx::query(
                "DELETE FROM sign_in_failures WHERE account = $1 AND network = $2 AND waiting = 0 AND recorded_at <= $3",
            )
            .bind(account.clone())
            .bind(network.as_str())
            .bind(before_ms)
            .execute(change.sql())
            .await
            .map_err(sql_problem)?;
            let waiting = Waiting::of(row)?;
            if forgotten.rows_affected() == 0 && waiting.count > 0 {
                change.record_failures(&account, &network, waiting).await?;
            }
        }
        change.commit().await?;
        Ok(rows.len() as u64)
    }
}
