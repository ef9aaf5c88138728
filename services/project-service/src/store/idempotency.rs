//! Requests that change nothing twice: what was answered to a key is kept for 24 hours, in the transaction of the
//! change.

use serde::{Serialize, de::DeserializeOwned};
use service_kit::{Code, Problem};
use sqlx::Row;

use super::{Change, Mutation, sql_problem};

/// How long an answer is kept.
pub(super) const KEPT_MS: i64 = 24 * 3600 * 1000;

/// Stands for the answer of [`Once`]: JSON of `()`.
const MADE: &str = "null";

/// What makes a request safe to send again.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// SHA-256 of the key.
    pub key_hash: Vec<u8>,
    /// SHA-256 of the method and the request.
    pub request_hash: Vec<u8>,
}

/// An answer, and whether it was given before.
#[derive(Debug)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// It is the first answer to this key, given again.
    pub replayed: bool,
}

impl<T> Answer<T> {
    /// Given for the first time.
    const fn first(value: T) -> Self {
        Self {
            value,
            replayed: false,
        }
    }
}

/// A creating change that answers the same when it is asked again under the same key.
pub struct Idempotent<M> {
    /// Without one, the change is made each time.
    pub key: Option<Idempotency>,
    /// The change.
    pub mutation: M,
}

impl<M> Mutation for Idempotent<M>
where
    M: Mutation,
    M::Output: Serialize + DeserializeOwned,
{
    type Output = Answer<M::Output>;
    const IS_COUNTED: bool = M::IS_COUNTED;

    fn text_bytes(&self) -> usize {
        // The answer is kept as well.
        self.mutation.text_bytes() * (1 + usize::from(self.key.is_some()))
    }

    async fn apply(self, change: &mut Change<'_>) -> Result<Self::Output, Problem> {
        let Some(key) = self.key else {
            let value = self.mutation.apply(change).await?;
            return Ok(Answer::first(value));
        };
        if let Some(value) = first_answer(change, &key).await? {
            return Ok(Answer {
                value,
                replayed: true,
            });
        }
        let value = self.mutation.apply(change).await?;
        let answer = serde_json::to_string(&value).map_err(Problem::internal)?;
        keep(change, key, answer).await?;
        Ok(Answer::first(value))
    }
}

/// A change of what is there, or its end, which is made once under its key. Its answer is not kept: it is as long as
/// the resource, however little was changed, and the resource can be read.
pub struct Once<M> {
    /// Without one, the change is made each time.
    pub key: Option<Idempotency>,
    /// The change.
    pub mutation: M,
}

impl<M: Mutation> Mutation for Once<M> {
    /// None: it was made before.
    type Output = Option<M::Output>;
    const IS_COUNTED: bool = M::IS_COUNTED;

    fn text_bytes(&self) -> usize {
        self.mutation.text_bytes()
    }

    async fn apply(self, change: &mut Change<'_>) -> Result<Self::Output, Problem> {
        let Some(key) = self.key else {
            return self.mutation.apply(change).await.map(Some);
        };
        if first_answer::<()>(change, &key).await?.is_some() {
            return Ok(None);
        }
        let value = self.mutation.apply(change).await?;
        keep(change, key, MADE.to_owned()).await?;
        Ok(Some(value))
    }
}

async fn keep(change: &mut Change<'_>, key: Idempotency, answer: String) -> Result<(), Problem> {
    sqlx::query("INSERT OR REPLACE INTO idempotency (user_id, key_hash, request_hash, answer, created_at) VALUES (?, ?, ?, ?, ?)")
        .bind(change.actor.user_id)
        .bind(key.key_hash)
        .bind(key.request_hash)
        .bind(answer)
        .bind(change.now.unix_ms())
        .execute(&mut *change.sql)
        .await
        .map_err(sql_problem)?;
    Ok(())
}

async fn first_answer<T: DeserializeOwned>(
    change: &mut Change<'_>,
    key: &Idempotency,
) -> Result<Option<T>, Problem> {
    let row = sqlx::query("SELECT request_hash, answer FROM idempotency WHERE user_id = ? AND key_hash = ? AND created_at > ?")
        .bind(change.actor.user_id)
        .bind(&key.key_hash)
        .bind(change.now.unix_ms() - KEPT_MS)
        .fetch_optional(&mut *change.sql)
        .await
        .map_err(sql_problem)?;
    let Some(row) = row else {
        return Ok(None);
    };
    if row.get::<Vec<u8>, _>("request_hash") != key.request_hash {
        return Err(Problem::new(
            Code::IdempotencyMismatch,
            "This Idempotency-Key was sent with another request; use a new one.",
        ));
    }
    serde_json::from_str(row.get("answer"))
        .map(Some)
        // Its words may quote what stands there.
        .map_err(|_| Problem::internal("a stored answer cannot be read"))
}
