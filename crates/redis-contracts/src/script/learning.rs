//! Learning from a batch of entries.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use uuid::Uuid;

use super::{Invocation, LEARN, max_age, seconds, text, timeline_bounds};
use crate::{
    APPLIED, Consumed, DELIVERED, DIMENSIONS, LIVE_AI, MODEL_UPDATES, PROFILE, Position, SEEN,
    SEEN_DAYS, STREAM_BYTES, Streams, Timestamp, Topic, USER_TIMELINE,
    event::{Event, EventBody, LEARNING_PROFILE_UPDATED},
};

const MS_A_DAY: u64 = 86_400_000;

/// What an entry adds to fields of a person's profile. Whole numbers, so that the order of entries does
/// not matter.
pub type Lesson = BTreeMap<String, u64>;

/// An entry to learn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learner {
    /// The entry's ID.
    pub position: Position,
    /// The event's id; each counts once.
    pub event_id: Uuid,
    /// Whose profile learns.
    pub user_id: Uuid,
    /// What it learns.
    pub lesson: Lesson,
}

/// The numbers by which ratings become probabilities. What they mean and what they are is for the learner to say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LearningPolicy {
    /// What a choice is worth that nobody has rated, from 0 to 1.
    pub middle: f64,
    /// How many ratings that counts for.
    pub middle_weight: f64,
    /// How much better a choice has to be to be e times as likely.
    pub temperature: f64,
    /// The share that is given to all choices evenly.
    pub explore: f64,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It counted.
    Applied,
    /// It had counted before.
    Repeated,
    /// Somebody else settled it.
    Gone,
    /// This field of its person's profile cannot be read. Nothing was done.
    Unreadable(String),
}

impl Learned {
    /// Reads one item of the reply.
    pub fn from_reply(text: &str) -> Option<Self> {
        match text {
            "applied" => Some(Self::Applied),
            "repeated" => Some(Self::Repeated),
            "gone" => Some(Self::Gone),
            text => {
                let field = text.strip_prefix("unreadable ")?;
                Some(Self::Unreadable(field.to_owned()))
            }
        }
    }
}

/// Learns from entries of a stream and acknowledges them; see `learn.lua`. Reply: per entry a text for
/// [`Learned::from_reply`].
pub fn learn(of: Consumed, policy: &LearningPolicy, entries: &[Learner]) -> Invocation<Streams> {
    let mut people = Numbered::default();
    let mut lessons = Numbered::default();
    let lines: Vec<_> = entries
        .iter()
        .map(|entry| {
            let person = people.number(&entry.user_id);
            let lesson = lessons.number(&entry.lesson);
            let mut line = text(format_args!("{person} {} {lesson} ", entry.position));
            line.extend_from_slice(entry.event_id.as_bytes());
            line
        })
        .collect();
    let now = Timestamp::now();
    let mut keys = vec![
        of.stream.key(()).name().to_owned(),
        MODEL_UPDATES.key(()).name().to_owned(),
        DELIVERED
            .key(of.stream.key(()).name().to_owned())
            .name()
            .to_owned(),
    ];
    let mut args = vec![
        text(of.group),
        text(now.unix_ms()),
        text(now),
        text(LIVE_AI.name()),
        max_age(&MODEL_UPDATES),
        text(STREAM_BYTES),
    ];
    args.extend(timeline_bounds(USER_TIMELINE.timeline()));
    args.extend([
        seconds(SEEN.ttl()),
        serde_json::to_vec(DIMENSIONS).unwrap_or_default(),
        serde_json::to_vec(&lessons.order).unwrap_or_default(),
        serde_json::to_vec(policy).unwrap_or_default(),
        text(people.order.len()),
    ]);
    keys.extend(seen_days(now));
    for user_id in people.order {
        keys.push(PROFILE.key(*user_id).name().to_owned());
        keys.push(APPLIED.key(*user_id).name().to_owned());
        keys.push(USER_TIMELINE.key(*user_id).name().to_owned());
        args.push(text(user_id));
        args.push(text(Topic::User(*user_id)));
        args.push(text(profile_updated(*user_id, now)));
    }
    args.extend(lines);
    Invocation::new(&LEARN, keys, args)
}

/// The days whose ids are looked at, this one first. The one to come is among them: another worker's clock may
/// be ahead.
fn seen_days(now: Timestamp) -> Vec<String> {
    let today = now.unix_ms().unsigned_abs() / MS_A_DAY;
    let name = |day: u64| SEEN.key(day).name().to_owned();
    let before = (1..SEEN_DAYS).map(|days| today.saturating_sub(days));
    let days = [today, today + 1].into_iter().chain(before);
    days.map(name).collect()
}

/// A `learning.profile.updated` event up to its data.
fn profile_updated(user_id: Uuid, now: Timestamp) -> String {
    let event = Event {
        id: Uuid::now_v7(),
        source: "/learning-consumer".to_owned(),
        subject: format!("profile/{user_id}"),
        time: now,
        traceparent: None,
        actor: user_id,
        project_id: None,
        body: EventBody::Unknown {
            type_name: LEARNING_PROFILE_UPDATED.to_owned(),
            data: serde_json::Value::Null,
        },
    };
    event.encode_open("null}").unwrap_or_default()
}

/// Gives each distinct value a number from 1, in the order they come.
struct Numbered<'a, T> {
    order: Vec<&'a T>,
    numbers: HashMap<&'a T, usize>,
}

impl<T> Default for Numbered<'_, T> {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            numbers: HashMap::new(),
        }
    }
}

impl<'a, T: Eq + std::hash::Hash> Numbered<'a, T> {
    fn number(&mut self, value: &'a T) -> usize {
        *self.numbers.entry(value).or_insert_with(|| {
            self.order.push(value);
            self.order.len()
        })
    }
}
