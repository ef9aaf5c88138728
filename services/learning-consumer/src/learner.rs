//! Effect and XACK of a batch in one script.

use std::sync::LazyLock;

use prometheus::{Histogram, register_histogram};
use redis_access::{AccessError, StreamsPool};
use redis_contracts::{
    Consumed,
    script::{self, Learned},
};
use stream_worker::{Delivery, Handler, Outcome, Settled};

use crate::domain::{POLICY, Taught, lesson};

static RATINGS: LazyLock<Histogram> = LazyLock::new(|| {
    register_histogram!(
        "devmentor_feedback_rating",
        "Ratings that counted.",
        vec![1.0, 2.0, 3.0, 4.0, 5.0]
    )
    .expect("a metric is registered once")
});

/// Learns from the entries of one stream.
pub(crate) struct Learner {
    streams: StreamsPool,
    of: Consumed,
}

impl Learner {
    pub(crate) fn new(streams: StreamsPool, of: Consumed) -> Self {
        // Shown as 0 until the first rating, instead of not at all.
        LazyLock::force(&RATINGS);
        Self { streams, of }
    }

    async fn learn(
        &self,
        batch: &[Delivery],
        taught: &[Result<Taught, String>],
    ) -> Result<Vec<Learned>, AccessError> {
        let good = batch.iter().zip(taught).filter_map(|(delivery, taught)| {
            let taught = taught.as_ref().ok()?;
            Some(script::Learner {
                position: delivery.position,
                event_id: delivery.event.id,
                user_id: taught.user_id,
                lesson: taught.lesson.clone(),
            })
        });
        let good: Vec<_> = good.collect();
        if good.is_empty() {
            return Ok(Vec::new());
        }
        let learning = script::learn(self.of, &POLICY, &good);
        let reply: Vec<String> = self.streams.invoke(&learning).await?;
        Ok(reply
            .iter()
            .filter_map(|text| Learned::from_reply(text))
            .collect())
    }
}

impl Handler for Learner {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Outcome>, AccessError> {
        let taught: Vec<_> = batch
            .iter()
            .map(|delivery| lesson(self.of, &delivery.event))
            .collect();
        let mut learned = self.learn(batch, &taught).await?.into_iter();
        let outcomes = taught.into_iter().map_while(|taught| match taught {
            Err(reason) => Some(Outcome::Reject(reason)),
            Ok(taught) => learned.next().map(|learned| outcome(learned, &taught)),
        });
        Ok(outcomes.collect())
    }
}

fn outcome(learned: Learned, taught: &Taught) -> Outcome {
    if let (Learned::Applied, Some(rating)) = (&learned, taught.rating) {
        RATINGS.observe(f64::from(rating));
    }
    match learned {
        Learned::Applied => Outcome::Settled(Settled::Applied),
        Learned::Repeated => Outcome::Settled(Settled::Repeated),
        Learned::Gone => Outcome::Settled(Settled::Gone),
        // Somebody may mend it meanwhile.
        Learned::Unreadable(field) => Outcome::Retry(format!(
            "the field {field} of the profile of {} cannot be read",
            taught.user_id
        )),
    }
}
