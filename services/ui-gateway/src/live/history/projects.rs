//! A project's history: its timeline, and what that no longer holds from SQL.

use redis_access::{Entry, StreamsPool};
use redis_contracts::{PROJECT_TIMELINE, Position};
use rpc::project::{
    DescribeHistoryRequest, DescribeHistoryResponse, ListEventsRequest,
    project_service_client::ProjectServiceClient,
};
use service_kit::Problem;
use tonic::transport::Channel;
use uuid::Uuid;

use super::{Bite, Reading, ReplayStart};

/// Behind this many events, a reader starts from a snapshot.
const MOST_BEHIND: u32 = 10_000;

/// Reads the histories of projects. Cheap to clone.
#[derive(Clone)]
pub(super) struct Projects {
    pub(super) streams: StreamsPool,
    pub(super) service: ProjectServiceClient<Channel>,
}

impl Projects {
    /// Where a reader at `after` stands. Members.
    pub(super) async fn standing(
        &self,
        project_id: Uuid,
        after: Option<&str>,
        reading: &Reading,
    ) -> Result<ReplayStart, Problem> {
        let message = DescribeHistoryRequest {
            project_id: project_id.to_string(),
            after: after.unwrap_or_default().to_owned(),
        };
        let request = reading.call(message).await?;
        let answer = self.service.clone().describe_history(request).await?;
        standing(&answer.into_inner(), after)
    }

    /// Events right after a position, in order; none when there are none yet.
    pub(super) async fn after(
        &self,
        project_id: Uuid,
        position: Position,
        bite: Bite,
        reading: &Reading,
    ) -> Result<Vec<Entry>, Problem> {
        if let Some(entries) = self.read_timeline(project_id, position, bite).await
            && !entries.is_empty()
        {
            return Ok(entries);
        }
        self.read_sql(project_id, position, bite, reading).await
    }

    /// `None` when the timeline does not reach back to the position, or cannot be read.
    async fn read_timeline(
        &self,
        project_id: Uuid,
        position: Position,
        bite: Bite,
    ) -> Option<Vec<Entry>> {
        let timeline = PROJECT_TIMELINE.key(project_id);
        let count = bite.entries() + 1;
        let read = self.streams.entries_from(&timeline, position, count).await;
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
        project_id: Uuid,
        position: Position,
        bite: Bite,
        reading: &Reading,
    ) -> Result<Vec<Entry>, Problem> {
        let message = ListEventsRequest {
            project_id: project_id.to_string(),
            after: position.to_string(),
            limit: u32::try_from(bite.entries()).unwrap_or(u32::MAX),
            ..ListEventsRequest::default()
        };
        let request = reading.call(message).await?;
        let answer = self.service.clone().list_events(request).await?;
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

fn standing(told: &DescribeHistoryResponse, after: Option<&str>) -> Result<ReplayStart, Problem> {
    let newest: Position = told.newest.parse().map_err(|_| rpc::Malformed("newest"))?;
    let fresh = ReplayStart::at(newest);
    let Some(after) = after else {
        return Ok(fresh);
    };
    match after.parse() {
        Ok(from) if told.known && told.behind <= MOST_BEHIND => Ok(ReplayStart {
            from,
            behind: told.behind,
            ..fresh
        }),
        _ => Ok(fresh.after_a_gap()),
    }
}
