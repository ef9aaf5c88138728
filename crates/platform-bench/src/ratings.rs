//! Ratings as anyone may append them.

use anyhow::Context as _;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use redis_contracts::{
    DIMENSIONS, Style, Timestamp,
    event::{Event, EventBody, FeedbackGiven},
};
use uuid::Uuid;

/// Ratings of these people, each of a random style, as JSON; the same at each call but for ids.
pub fn ratings(people: &[Uuid], count: usize) -> anyhow::Result<Vec<String>> {
    let mut random = StdRng::seed_from_u64(3);
    let rating = |_| {
        let person = people.choose(&mut random).context("nobody")?;
        Ok(rating(*person, &mut random)?.encode()?)
    };
    (0..count).map(rating).collect()
}

fn rating(user_id: Uuid, random: &mut StdRng) -> anyhow::Result<Event> {
    let mut style = Style::default();
    for dimension in DIMENSIONS {
        let choice = dimension.choices.choose(random).context("no choice")?;
        style.choose(dimension.name, choice)?;
    }
    let target_id = Uuid::now_v7();
    let given = FeedbackGiven {
        target_type: "mentor_reply".to_owned(),
        target_id,
        user_id,
        rating: random.random_range(1..=5),
        tags: Vec::new(),
        style,
        propensity: Some(1.0 / 12.0),
    };
    Ok(Event {
        id: Uuid::now_v7(),
        source: "/platform-bench".to_owned(),
        subject: format!("reply/{target_id}"),
        time: Timestamp::now(),
        traceparent: None,
        actor: user_id,
        project_id: None,
        body: EventBody::FeedbackGiven(given),
    })
}
