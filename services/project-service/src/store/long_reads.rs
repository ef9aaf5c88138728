//! Reads whose work grows with a whole project. Each class of them has readers of its own, one at a time a
//! person, and a time after which the engine itself stops; so does that of a caller who hangs up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use service_kit::{
    Code, Problem,
    line::{Full, Line, Places, Turn},
    page::{Limit, Page},
};
use sqlx::{
    Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection, query::Query,
    sqlite::SqliteArguments,
};
use uuid::Uuid;

use super::{
    pages::{self, Entry},
    sql_problem,
};

/// Connections of one class.
pub const LONG_READERS: u32 = 2;

/// Who reads with them.
const PLACES: Places = Places {
    in_all: LONG_READERS as usize,
    of_each: 1,
    waiting_of_each: 16,
};

/// Longest read. With the longest wait for its turn it ends before the deadline of the call.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// Longest wait for a turn: longer than a read and its end, so that whoever comes next gets theirs.
const TURN_WITHIN: Duration = Duration::from_millis(2500);

/// Steps of SQLite's machine between two looks at the clock: a step reads a row's text at most, so that
/// is a few milliseconds.
const STEPS_PER_LOOK: i32 = 100;

/// SQLITE_INTERRUPT, <https://www.sqlite.org/rescode.html>.
const INTERRUPTED: &str = "9";

/// Long reads of one class. Cheap to clone.
#[derive(Clone)]
pub(super) struct LongReads {
    readers: SqlitePool,
    line: Line,
    within: Duration,
}

/// A read that has its turn: a connection whose engine stops in time.
pub(super) struct LongRead {
    _stop: StopOnDrop,
    sql: PoolConnection<Sqlite>,
    _turn: Turn,
}

impl LongRead {
    /// The connection.
    pub fn sql(&mut self) -> &mut SqliteConnection {
        &mut self.sql
    }
}

/// Stops the engine when it is dropped: when the read has ended, and when nobody waits for it any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl LongReads {
    /// Reads with these connections, [`LONG_READERS`] of them.
    pub fn new(readers: SqlitePool) -> Self {
        Self {
            readers,
            line: Line::new(PLACES),
            within: READ_WITHIN,
        }
    }

    /// A person's read, when it is its turn.
    pub async fn begin(&self, person: Uuid) -> Result<LongRead, Problem> {
        let turn = self.line.turn(person, TURN_WITHIN).await.map_err(full)?;
        let mut sql = self.readers.acquire().await.map_err(sql_problem)?;
        let stop = self.stop_in_time(&mut sql).await.map_err(sql_problem)?;
        Ok(LongRead {
            _stop: stop,
            sql,
            _turn: turn,
        })
    }

    /// What a person's read finds, when it is its turn.
    pub async fn find<T: Entry>(
        &self,
        person: Uuid,
        query: Query<'_, Sqlite, SqliteArguments>,
        limit: Limit,
    ) -> Result<Page<T>, Problem> {
        let mut read = self.begin(person).await?;
        let found = pages::read(query.fetch(read.sql()), limit).await;
        found.map_err(sql_problem)
    }

    /// Has the engine look at the clock now and then, and whether anybody still waits. It looks for as long
    /// as the connection lives, at what the last read left it.
    async fn stop_in_time(&self, sql: &mut SqliteConnection) -> Result<StopOnDrop, sqlx::Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, deadline) = (Arc::clone(&stop), Instant::now() + self.within);
        sql.lock_handle()
            .await?
            .set_progress_handler(STEPS_PER_LOOK, move || {
                !stopped.load(Ordering::Relaxed) && Instant::now() < deadline
            });
        Ok(StopOnDrop(stop))
    }
}

/// There was no turn.
fn full(full: Full) -> Problem {
    let (code, detail) = match full {
        Full::OfEach => (
            Code::RateLimited,
            "You are reading as much already; wait for the answer, then ask again.",
        ),
        Full::InAll => (
            Code::Unavailable,
            "Others are reading much; try again shortly.",
        ),
    };
    Problem::new(code, detail)
}

/// Whether the engine stopped because time was up.
pub(super) fn is_interrupt(error: &sqlx::Error) -> bool {
    let fault = error.as_database_error();
    fault.is_some_and(|fault| fault.code().as_deref() == Some(INTERRUPTED))
}

/// What its caller hears then.
pub(super) fn too_long() -> Problem {
    let seconds = READ_WITHIN.as_secs();
    let detail = format!(
        "This took longer than {seconds} s to read. Ask for less at once: search in one status, or lower the limit."
    );
    Problem::new(Code::DeadlineExceeded, detail)
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqlitePoolOptions, SqliteRow};

    use super::*;

    struct Found;

    impl Entry for Found {
        fn read(_: &SqliteRow) -> Result<Self, sqlx::Error> {
            Ok(Self)
        }

        fn text_bytes(&self) -> usize {
            0
        }
    }

    /// What has no end.
    const ENDLESS: &str =
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
        SELECT count(*) FROM numbers";

    /// What is found at once.
    const ONE: &str = "SELECT 1";

    /// How many rows a person's search finds.
    async fn find(
        searches: &LongReads,
        person: Uuid,
        search: &'static str,
    ) -> Result<usize, Problem> {
        let limit = Limit::asked(0)?;
        let found = searches.find::<Found>(person, sqlx::query(search), limit);
        let (found, _) = found.await?.end(|_| String::new());
        Ok(found.len())
    }

    async fn searches(within: Duration) -> LongReads {
        let readers = SqlitePoolOptions::new().max_connections(1);
        let readers = readers.connect("sqlite::memory:").await;
        LongReads {
            within,
            ..LongReads::new(readers.expect("a database in memory"))
        }
    }

    #[tokio::test]
    async fn a_search_that_takes_too_long_is_stopped_and_its_reader_is_free() {
        let searches = searches(Duration::from_millis(50)).await;
        let (person, bystander) = (Uuid::now_v7(), Uuid::now_v7());
        let stopped = find(&searches, person, ENDLESS).await;
        let stopped = stopped.expect_err("endless");
        assert_eq!(stopped.code, Code::DeadlineExceeded);
        assert!(stopped.detail.contains("limit"), "{stopped}");
        for who in [bystander, person] {
            assert_eq!(find(&searches, who, ONE).await, Ok(1));
        }
    }

    #[tokio::test]
    async fn a_search_that_nobody_waits_for_is_stopped_and_its_reader_is_free() {
        let searches = searches(Duration::from_secs(3600)).await;
        let (person, bystander) = (Uuid::now_v7(), Uuid::now_v7());
        for _ in 0..3 {
            let search = find(&searches, person, ENDLESS);
            let hung_up = tokio::time::timeout(Duration::from_millis(20), search).await;
            hung_up.expect_err("endless");
            for who in [bystander, person] {
                assert_eq!(find(&searches, who, ONE).await, Ok(1));
            }
        }
    }

    #[tokio::test]
    async fn a_person_searches_once_at_a_time_and_holds_up_nobody_else() {
        // Longer than another one of theirs waits.
        let searches = searches(2 * TURN_WITHIN).await;
        let readers = SqlitePoolOptions::new().max_connections(2);
        let readers = readers.connect("sqlite::memory:").await;
        let searches = LongReads {
            readers: readers.expect("a database in memory"),
            ..searches
        };
        let (person, bystander) = (Uuid::now_v7(), Uuid::now_v7());
        let (first, (second, others)) = tokio::join!(find(&searches, person, ENDLESS), async {
            tokio::join!(
                find(&searches, person, ONE),
                find(&searches, bystander, ONE)
            )
        });
        assert_eq!(
            first.map_err(|problem| problem.code),
            Err(Code::DeadlineExceeded)
        );
        assert_eq!(
            second.map_err(|problem| problem.code),
            Err(Code::RateLimited)
        );
        assert_eq!(others, Ok(1));
        let (first, second) =
            tokio::join!(find(&searches, person, ONE), find(&searches, person, ONE));
        assert_eq!((first, second), (Ok(1), Ok(1)));
    }
}
