//! A project's history over gRPC.

use redis_contracts::Position;
use rpc::project as api;
use service_kit::{Problem, page::Limit};
use tonic::Response;

use super::{Call, Projects, id, moment};

/// The position in a field; an empty text is none.
pub(super) fn position(field: &str, text: &str) -> Result<Option<Position>, Problem> {
    match text {
        "" => Ok(None),
        text => {
            let parsed = text.parse::<Position>();
            parsed
                .map(Some)
                .map_err(|error| Problem::invalid_field(field, error.to_string()))
        }
    }
}

impl Projects {
    /// The project's owner.
    pub(super) async fn list_events(
        &self,
        call: Call<api::ListEventsRequest>,
    ) -> Result<Response<api::ListEventsResponse>, Problem> {
        let asked = &call.message;
        let project_id = id(&asked.project_id, "project")?;
        self.store.history_of(call.owner(), project_id).await?;
        let limit = Limit::asked(asked.limit)?;
        let after = position("after", &asked.after)?.unwrap_or(Position::START);
        let (from, to) = (moment(asked.from.as_ref()), moment(asked.to.as_ref()));
        let events = self
            .store
            .project_events(
                call.owner(),
                project_id,
                after,
                from,
                to,
                &asked.r#type,
                limit,
            )
            .await?;
        let (events, next_after) = events.end(|event| event.position.to_string());
        let recorded = events.into_iter().map(|event| api::RecordedEvent {
            position: event.position.to_string(),
            event: event.event,
        });
        Ok(Response::new(api::ListEventsResponse {
            events: recorded.collect(),
            next_after,
        }))
    }

    /// The project's owner.
    pub(super) async fn describe_history(
        &self,
        call: Call<api::DescribeHistoryRequest>,
    ) -> Result<Response<api::DescribeHistoryResponse>, Problem> {
        let project_id = id(&call.message.project_id, "project")?;
        self.store.history_of(call.owner(), project_id).await?;
        // Text that is no position is unknown, as one of another project is.
        let after = call.message.after.parse::<Position>().ok();
        let history = self
            .store
            .history(project_id, after.unwrap_or(Position::START))
            .await?;
        Ok(Response::new(api::DescribeHistoryResponse {
            newest: history.newest.to_string(),
            known: after.is_some() && history.known,
            behind: history.behind,
        }))
    }
}
