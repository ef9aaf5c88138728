//! What a person was told: their own stream is all there is of it.

use redis_access::{AccessError, Entry, StreamsPool};
use redis_contracts::{Position, USER_TIMELINE};
use service_kit::{Code, Problem};
use uuid::Uuid;

use super::{Reading, ReplayStart};

/// More than a person's stream keeps.
const ALL: usize = USER_TIMELINE.timeline().newest as usize + 1;

/// Reads what people were told. Cheap to clone.
#[derive(Clone)]
pub(super) struct People {
    pub(super) streams: StreamsPool,
}

impl People {
    /// Where a reader at `after` stands. That person alone.
    pub(super) async fn standing(
        &self,
        user_id: Uuid,
        after: Option<&str>,
        reading: &Reading,
    ) -> Result<ReplayStart, Problem> {
        if user_id != reading.caller.user().id {
            let detail = "Only a person's own topic can be subscribed to.";
            return Err(Problem::new(Code::Forbidden, detail));
        }
        let from = after.and_then(|after| after.parse().ok());
        if let Some(from) = from
            && let Some(missed) = self.since(user_id, from).await?
        {
            return Ok(ReplayStart {
                from,
                newest: missed.last().map_or(from, |entry| entry.position),
                behind: u32::try_from(missed.len()).unwrap_or(u32::MAX),
                gap: false,
            });
        }
        let newest = USER_TIMELINE.key(user_id);
        let fresh = ReplayStart::at(self.streams.newest_position(&newest).await?);
        Ok(match after {
            Some(_) => fresh.after_a_gap(),
            None => fresh,
        })
    }

    /// Events right after a position, in order; an error when they are no longer all there.
    pub(super) async fn after(
        &self,
        user_id: Uuid,
        position: Position,
    ) -> Result<Vec<Entry>, Problem> {
        let missed = self.since(user_id, position).await?;
        missed.ok_or_else(|| Problem::not_found("position"))
    }

    /// `None` when the stream does not reach back to the position.
    async fn since(
        &self,
        user_id: Uuid,
        position: Position,
    ) -> Result<Option<Vec<Entry>>, AccessError> {
        let timeline = USER_TIMELINE.key(user_id);
        let mut entries = self.streams.entries_from(&timeline, position, ALL).await?;
        if position == Position::START {
            return Ok(self.streams.is_whole(&timeline).await?.then_some(entries));
        }
        let reaches_back = entries
            .first()
            .is_some_and(|entry| entry.position == position);
        Ok(reaches_back.then(|| entries.split_off(1)))
    }
}
