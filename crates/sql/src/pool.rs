//! Statements with a bound: who waits for SQL is answered before their own deadline, also when the wire
//! is dead or another replica is frozen while it holds a row. sqlx by itself waits for ever.

use std::{
    io::{Error, ErrorKind},
    time::Duration,
};

use futures_util::{
    StreamExt, TryStreamExt,
    future::{BoxFuture, FutureExt},
    stream::{self, BoxStream},
};
use sqlx::{
    Any, AnyPool, Either, Execute, Executor, SqlStr,
    any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo},
};
use tokio::time::{Instant, timeout, timeout_at};

/// Longest wait for a connection and what it answers. Less than the deadline of a call, and more than a
/// row is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

type Step = Either<AnyQueryResult, AnyRow>;

/// Connections to a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pool(pub(super) AnyPool);

/// A change in progress; without [`Transaction::commit`] nothing of it stays.
#[derive(Debug)]
pub struct Transaction(sqlx::Transaction<'static, Any>);

impl Pool {
    /// Begins a change.
    pub async fn begin(&self) -> sqlx::Result<Transaction> {
        within(self.0.begin()).await.map(Transaction)
    }

    /// Ends all connections once they are given back.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

impl Transaction {
    /// Makes it last. Where the answer is lost, it may last all the same.
    pub async fn commit(self) -> sqlx::Result<()> {
        within(self.0.commit()).await
    }
}

impl<'c> Executor<'c> for &Pool {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Step>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        rows_within(self.0.fetch_many(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        within(self.0.fetch_optional(query)).boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        within(self.0.prepare_with(sql, parameters)).boxed()
    }
}

impl<'c> Executor<'c> for &'c mut Transaction {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Step>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        rows_within(self.0.fetch_many(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        within(self.0.fetch_optional(query)).boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        within(self.0.prepare_with(sql, parameters)).boxed()
    }
}

async fn within<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let answered = timeout(ANSWER_WITHIN, answer).await;
    answered.unwrap_or_else(|_| Err(silent()))
}

/// All rows within the bound.
fn rows_within<'e>(rows: BoxStream<'e, sqlx::Result<Step>>) -> BoxStream<'e, sqlx::Result<Step>> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    let next = move |mut rows: BoxStream<'e, sqlx::Result<Step>>| async move {
        let step = timeout_at(deadline, rows.try_next()).await;
        let step = step.unwrap_or_else(|_| Err(silent()))?;
        Ok(step.map(|step| (step, rows)))
    };
    stream::try_unfold(rows, next).boxed()
}

/// SQL did not answer in time.
pub(super) fn silent() -> sqlx::Error {
    Error::new(ErrorKind::TimedOut, "SQL did not answer in time").into()
}
