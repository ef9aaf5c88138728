//! Reads whose work grows with a whole project. They have readers of their own, one at a time a person,
//! and a time after which the engine itself stops; so does that of a caller who hangs up.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use service_kit::{
    Code, Problem,
    page::{Limit, Page},
};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, query::Query, sqlite::SqliteArguments};
use uuid::Uuid;

use super::{
    pages::{self, Entry},
    sql_problem,
};
use crate::waitable::Waitable;

/// Connections that search.
pub const SEARCHERS: u32 = 2;

/// Longest search. With the longest wait for its turn it ends before the deadline of the call.
const SEARCH_WITHIN: Duration = Duration::from_secs(2);

/// Longest wait for the end of an earlier search of the same person, and for a connection.
const TURN_WITHIN: Duration = Duration::from_secs(1);

/// Steps of SQLite's machine between two looks at the clock: a step reads a row's text at most, so that
/// is a few milliseconds.
const STEPS_PER_LOOK: i32 = 100;

/// SQLITE_INTERRUPT, <https://www.sqlite.org/rescode.html>.
const INTERRUPTED: &str = "9";

/// Who may search when. Cheap to clone.
#[derive(Clone)]
pub(super) struct Searches {
    readers: SqlitePool,
    searching: Arc<Waitable<HashSet<Uuid>>>,
    within: Duration,
}

/// A person's turn, until it is dropped.
struct Turn {
    searching: Arc<Waitable<HashSet<Uuid>>>,
    person: Uuid,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.searching.change(|people| {
            people.remove(&self.person);
        });
    }
}

/// Stops the engine when it is dropped: when the search has ended, and when nobody waits for it any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Searches {
    /// Searches with these connections.
    pub fn new(readers: SqlitePool) -> Self {
        Self {
            readers,
            searching: Arc::default(),
            within: SEARCH_WITHIN,
        }
    }

    /// What a person's search finds, when it is its turn.
    pub async fn find<T: Entry>(
        &self,
        person: Uuid,
        search: Query<'_, Sqlite, SqliteArguments>,
        limit: Limit,
    ) -> Result<Page<T>, Problem> {
        let _turn = self.turn(person).await?;
        let acquired = tokio::time::timeout(TURN_WITHIN, self.readers.acquire()).await;
        let mut sql = acquired.map_err(|_| busy())?.map_err(sql_problem)?;
        let _stop = self.stop_in_time(&mut sql).await.map_err(sql_problem)?;
        let found = pages::read(search.fetch(&mut *sql), limit).await;
        found.map_err(|error| match is_interrupt(&error) {
            true => too_long(self.within),
            false => sql_problem(error),
        })
    }

    async fn turn(&self, person: Uuid) -> Result<Turn, Problem> {
        let attempt = |people: &mut HashSet<Uuid>| people.insert(person).then_some(());
        let begun = self.searching.when(TURN_WITHIN, attempt).await;
        let turn = begun.map(|()| Turn {
            searching: Arc::clone(&self.searching),
            person,
        });
        turn.ok_or_else(|| {
            let detail = "You are searching already; wait for the answer, then search again.";
            Problem::new(Code::RateLimited, detail)
        })
    }

    /// Has the engine look at the clock now and then, and whether anybody still waits. It looks for as long
    /// as the connection lives, at what the last search left it.
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

fn is_interrupt(error: &sqlx::Error) -> bool {
    let fault = error.as_database_error();
    fault.is_some_and(|fault| fault.code().as_deref() == Some(INTERRUPTED))
}

fn busy() -> Problem {
    Problem::unavailable("A place to search (others are searching)")
}

fn too_long(within: Duration) -> Problem {
    let seconds = within.as_secs();
    let detail = format!(
        "The search took longer than {seconds} s. Search in one status, or ask for fewer tasks at once with limit."
    );
    Problem::new(Code::DeadlineExceeded, detail)
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqlitePoolOptions, SqliteRow};

    use super::*;

    struct Found;

    impl Entry for Found {
        fn read(_: &SqliteRow) -> Self {
            Self
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
        searches: &Searches,
        person: Uuid,
        search: &'static str,
    ) -> Result<usize, Problem> {
        let limit = Limit::asked(0)?;
        let found = searches.find::<Found>(person, sqlx::query(search), limit);
        let (found, _) = found.await?.end(|_| String::new());
        Ok(found.len())
    }

    async fn searches(within: Duration) -> Searches {
        let readers = SqlitePoolOptions::new().max_connections(1);
        let readers = readers.connect("sqlite::memory:").await;
        Searches {
            within,
            ..Searches::new(readers.expect("a database in memory"))
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
        let searches = searches(Duration::from_millis(2500)).await;
        let readers = SqlitePoolOptions::new().max_connections(2);
        let readers = readers.connect("sqlite::memory:").await;
        let searches = Searches {
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
