//! What happened before: from the project's timeline, and what that no longer holds from SQL.

use std::{sync::Arc, time::Duration};

use redis_access::{Entry, StreamsPool};
use redis_contracts::{PROJECT_TIMELINE, Position, Topic};
use rpc::project::{
    DescribeHistoryRequest, DescribeHistoryResponse, ListEventsRequest,
    project_service_client::ProjectServiceClient,
};
use service_kit::{Code, Problem, RequestContext};
use tokio::sync::Semaphore;
use tonic::transport::Channel;

/// Events read at once.
const BATCH: usize = 100;

/// Readings at once in the whole process; the others wait their turn, so that a thousand clients that
/// come back together do not stall those that are live.
const AT_ONCE: usize = 16;

/// Longest wait for where a reader stands: a subscription is answered within a second.
const STANDING_WITHIN: Duration = Duration::from_millis(900);

/// Behind this many events, a reader starts from a snapshot.
const MOST_BEHIND: u32 = 10_000;

/// Reads histories. Cheap to clone.
#[derive(Clone)]
pub(super) struct History {
    streams: StreamsPool,
    projects: ProjectServiceClient<Channel>,
    turns: Arc<Semaphore>,
}

/// On whose behalf a history is read.
#[derive(Clone)]
pub(super) struct Reading {
    /// The access token.
    pub(super) token: Arc<str>,
    /// The request.
    pub(super) context: RequestContext,
}

/// Where a reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The position to go on from: the reader's, or the newest after a gap.
    pub(super) from: Position,
    /// The position of the newest event.
    pub(super) newest: Position,
    /// Events between the two.
    pub(super) behind: u32,
    /// What is before `from` has to be read from a snapshot.
    pub(super) gap: bool,
}

impl History {
    pub(super) fn new(streams: StreamsPool, projects: ProjectServiceClient<Channel>) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self {
            streams,
            projects,
            turns,
        }
    }

    /// Where a reader at `after` stands in a topic it may see.
    pub(super) async fn standing(
        &self,
        topic: Topic,
        after: Option<&str>,
        reading: &Reading,
    ) -> Result<Standing, Problem> {
        let Topic::Project(project_id) = topic;
        let message = DescribeHistoryRequest {
            project_id: project_id.to_string(),
            after: after.unwrap_or_default().to_owned(),
        };
        let request = reading.context.call(Some(&reading.token), message);
        let mut projects = self.projects.clone();
        let asked = async {
            let _turn = self.turns.acquire().await;
            projects.describe_history(request).await
        };
        let answer = tokio::time::timeout(STANDING_WITHIN, asked).await;
        let answer = answer.map_err(|_| Problem::unavailable("project-service"))??;
        standing(&answer.into_inner(), after)
    }

    /// Events right after a position, in order; none when there are none yet.
    pub(super) async fn after(
        &self,
        topic: Topic,
        position: Position,
        reading: &Reading,
    ) -> Result<Vec<Entry>, Problem> {
        let turn = self.turns.acquire().await;
        let _turn =
            turn.map_err(|_| Problem::new(Code::Unavailable, "The gateway is stopping."))?;
        if let Some(entries) = self.read_timeline(topic, position).await
            && !entries.is_empty()
        {
            return Ok(entries);
        }
        self.read_sql(topic, position, reading).await
    }

    /// `None` when the timeline does not reach back to the position, or cannot be read.
    async fn read_timeline(&self, topic: Topic, position: Position) -> Option<Vec<Entry>> {
        let Topic::Project(project_id) = topic;
        let timeline = PROJECT_TIMELINE.key(project_id);
        let read = self
            .streams
            .entries_from(&timeline, position, BATCH + 1)
            .await;
        let mut entries = read
            .inspect_err(|error| tracing::debug!(error = %error, "read from SQL instead"))
            .ok()?;
        let reaches_back = entries
            .first()
            .is_some_and(|entry| entry.position == position);
        reaches_back.then(|| entries.split_off(1))
    }

    async fn read_sql(
        &self,
        topic: Topic,
        position: Position,
        reading: &Reading,
    ) -> Result<Vec<Entry>, Problem> {
        let Topic::Project(project_id) = topic;
        let message = ListEventsRequest {
            project_id: project_id.to_string(),
            after: position.to_string(),
            limit: BATCH as u32,
            ..ListEventsRequest::default()
        };
        let request = reading.context.call(Some(&reading.token), message);
        let answer = self.projects.clone().list_events(request).await?;
        let recorded = answer.into_inner().events.into_iter();
        let entries = recorded.map(|recorded| {
            let position = recorded
                .position
                .parse()
                .map_err(|_| rpc::Malformed("position"))?;
            Ok(Entry {
                position,
                event: recorded.event,
            })
        });
        entries
            .collect::<Result<_, rpc::Malformed>>()
            .map_err(Problem::from)
    }
}

fn standing(told: &DescribeHistoryResponse, after: Option<&str>) -> Result<Standing, Problem> {
    let newest: Position = told.newest.parse().map_err(|_| rpc::Malformed("newest"))?;
    let fresh = Standing {
        from: newest,
        newest,
        behind: 0,
        gap: false,
    };
    let Some(after) = after else {
        return Ok(fresh);
    };
    match after.parse() {
        Ok(from) if told.known && told.behind <= MOST_BEHIND => Ok(Standing {
            from,
            behind: told.behind,
            ..fresh
        }),
        _ => Ok(Standing { gap: true, ..fresh }),
    }
}
