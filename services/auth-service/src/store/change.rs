//! A change: rows, and the events that tell of it, in one transaction. Events get their positions
//! last, under the lock of `event_head`, so that positions grow in commit order, whichever replica
//! commits.

use std::sync::Arc;

use redis_contracts::{
    Position, Timestamp,
    event::{Event, EventBody, Security},
};
use service_kit::Problem;
use sql::{Transaction, id_bytes, relay::Committed};
use uuid::Uuid;

use super::{Store, sql_problem};

/// Who does something, from where, in which request.
#[derive(Clone, Debug, Default)]
pub struct Who {
    /// The client's `User-Agent`.
    pub agent: Option<String>,
    /// The client's address.
    pub address: Option<String>,
    /// The session it happens in.
    pub session_id: Option<Uuid>,
    /// Who does it, where that is not the account's own person.
    pub actor: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

/// Something that happened to an account.
pub struct Happened {
    /// Its type.
    pub body: fn(Security) -> EventBody,
    /// Whose account; none for an address that nobody has.
    pub user_id: Option<Uuid>,
    /// What else there is to say.
    pub detail: Option<String>,
}

impl Happened {
    /// To this account, with nothing more to say.
    pub const fn to(user_id: Uuid, body: fn(Security) -> EventBody) -> Self {
        Self {
            body,
            user_id: Some(user_id),
            detail: None,
        }
    }

    /// With something more to say.
    pub fn saying(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }
}

/// A transaction in progress; without [`Change::commit`] nothing of it stays.
pub struct Change {
    transaction: Transaction,
    committed: Arc<Committed>,
    events: Vec<Event>,
    /// The moment of the change.
    pub now: Timestamp,
}

impl Store {
    /// Begins a change.
    pub async fn change(&self) -> Result<Change, Problem> {
        Ok(Change {
            transaction: self.write.begin().await.map_err(sql_problem)?,
            committed: Arc::clone(&self.committed),
            events: Vec::new(),
            now: Timestamp::now(),
        })
    }

    /// Records something that changes no row.
    pub async fn record(&self, who: &Who, happened: Happened) -> Result<(), Problem> {
        let mut change = self.change().await?;
        change.record(who, happened);
        change.commit().await
    }
}

impl Change {
    /// Where rows are written.
    pub(super) fn sql(&mut self) -> &mut Transaction {
        &mut self.transaction
    }

    /// Records that something happened.
    pub fn record(&mut self, who: &Who, happened: Happened) {
        let user_id = happened.user_id;
        let subject = user_id.map_or_else(|| "user/unknown".to_owned(), |id| format!("user/{id}"));
        self.events.push(Event {
            id: Uuid::now_v7(),
            source: "/auth-service".to_owned(),
            subject,
            time: self.now,
            traceparent: who.traceparent.clone(),
            actor: who.actor.or(user_id).unwrap_or_default(),
            project_id: None,
            body: (happened.body)(Security {
                user_id,
                session_id: who.session_id,
                agent: who.agent.clone(),
                address: who.address.clone(),
                detail: happened.detail,
            }),
        });
    }

    /// Makes it last.
    pub async fn commit(mut self) -> Result<(), Problem> {
        if self.events.is_empty() {
            return self.transaction.commit().await.map_err(sql_problem);
        }
        let recorded = self.events.len();
        self.write_events().await?;
        self.transaction.commit().await.map_err(sql_problem)?;
        self.committed.add(recorded);
        Ok(())
    }

    async fn write_events(&mut self) -> Result<(), Problem> {
        let held: i64 = sqlx::query_scalar(
            "UPDATE event_head SET position = position WHERE only_row = 1 RETURNING position",
        )
        .fetch_one(&mut self.transaction)
        .await
        .map_err(sql_problem)?;
        let mut last = Position::from_packed(held);
        let now_ms = self.committed.clock().now_ms();
        for mut event in std::mem::take(&mut self.events) {
            last = last.next_packable(now_ms);
            // Events are found by their time among positions, so it is never after its position.
            event.time = event.time.min(moment_of(last));
            insert_event(&mut self.transaction, last, &event).await?;
        }
        sqlx::query("UPDATE event_head SET position = $1 WHERE only_row = 1")
            .bind(last.packed())
            .execute(&mut self.transaction)
            .await
            .map(drop)
            .map_err(sql_problem)
    }
}

fn moment_of(position: Position) -> Timestamp {
    Timestamp::from_unix_ms(i64::try_from(position.unix_ms).unwrap_or(i64::MAX))
}

async fn insert_event(
    sql: &mut Transaction,
    position: Position,
    event: &Event,
) -> Result<(), Problem> {
    let encoded = event.encode().map_err(Problem::internal)?;
    let user_id = event.body.security().and_then(|data| data.user_id);
    sqlx::query(
        "INSERT INTO events (position, type, time, user_id, event) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(position.packed())
    .bind(event.body.type_name())
    .bind(event.time.unix_ms())
    .bind(user_id.map(id_bytes))
    .bind(encoded)
    .execute(sql)
    .await
    .map(drop)
    .map_err(sql_problem)
}
