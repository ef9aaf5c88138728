//! Ratings over gRPC.

use rpc::ai as api;
use service_kit::{Checker, Problem};
use tonic::Response;

use super::{Call, Mentor, answer, id};
use crate::conversation::{MENTOR_REPLY, Rating};

const RATINGS: std::ops::RangeInclusive<u8> = 1..=5;
const MOST_TAGS: usize = 10;
const LONGEST_TAG: usize = 64;
const LONGEST_COMMENT: usize = 2000;

impl Mentor {
    /// Whom the reply was given.
    pub(super) async fn give_feedback(
        &self,
        call: Call<api::GiveFeedbackRequest>,
    ) -> Result<Response<api::Recorded>, Problem> {
        let rating = checked(&call.message)?;
        let idempotency = call.idempotency("GiveFeedback");
        let place = self.signals.rate(&call.asker, rating, &idempotency).await?;
        Ok(answer(place, Into::into))
    }
}

fn checked(asked: &api::GiveFeedbackRequest) -> Result<Rating, Problem> {
    let mut checker = Checker::default();
    if asked.target_type != MENTOR_REPLY {
        checker.refuse("target_type", format!("expected {MENTOR_REPLY}"));
    }
    let rating = u8::try_from(asked.rating).ok();
    let rating = rating.filter(|rating| RATINGS.contains(rating));
    let rating = rating.unwrap_or_else(|| {
        checker.refuse("rating", "1 to 5");
        *RATINGS.start()
    });
    let tags = checker.labels("tags", &asked.tags, MOST_TAGS, LONGEST_TAG);
    let comment = checker.text("comment", &asked.comment, 0, LONGEST_COMMENT);
    checker.finish()?;
    Ok(Rating {
        message_id: id(&asked.target_id, "reply")?,
        rating,
        tags,
        comment,
    })
}
