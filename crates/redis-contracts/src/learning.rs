//! The keys of the learning loop: profiles, replies, conversations, dead letters.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    DIMENSIONS, Declaration, DecodeError, FieldsValue, KeyFamily, Kind, Lifetime, Position,
    Streams, Style, Timestamp, Value,
};

const DAY: Duration = Duration::from_secs(86_400);
const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// Dimension to choice to the probability of that choice.
pub type Probabilities = BTreeMap<String, BTreeMap<String, f64>>;

/// A person's profile: what the next reply's style is drawn from. What is not there is as before any rating.
///
/// Besides what is read here the hash keeps, for the script `learn`: per choice the ratings it got
/// (`n.<dimension>.<choice>`, `s.<dimension>.<choice>` their sum), `replies`,
/// `interactions.<kind>`, and per stream the floor of the positions applied (`floor.<stream>`: everything
/// before it); [`APPLIED`] holds those above.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileRecord {
    /// Grows with each change; 0 before any rating.
    pub version: u64,
    /// Ratings that counted.
    pub feedback_count: u64,
    /// Their sum.
    pub rating_sum: u64,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// What the next style is drawn from.
    pub style: Probabilities,
}

impl ProfileRecord {
    /// What is known of somebody who has not rated anything: every choice is as good as the others.
    pub fn prior() -> Self {
        let even = |choices: &[&str]| {
            let share = 1.0 / choices.len() as f64;
            let shares = choices.iter().map(|choice| ((*choice).to_owned(), share));
            shares.collect()
        };
        let style = DIMENSIONS.iter();
        Self {
            version: 0,
            feedback_count: 0,
            rating_sum: 0,
            updated_at: None,
            style: style
                .map(|of| (of.name.to_owned(), even(of.choices)))
                .collect(),
        }
    }

    /// Mean of the ratings, 1 to 5.
    pub fn average_rating(&self) -> Option<f64> {
        (self.feedback_count > 0).then(|| self.rating_sum as f64 / self.feedback_count as f64)
    }
}

impl FieldsValue for ProfileRecord {
    fn from_fields(fields: &BTreeMap<String, String>) -> Result<Self, DecodeError> {
        let count = |name| optional(fields, name).map(Option::unwrap_or_default);
        for (one, other) in [
            ("feedback_count", "rating_sum"),
            ("rating_sum", "feedback_count"),
        ] {
            if fields.contains_key(one) && !fields.contains_key(other) {
                return Err(DecodeError(format!("{other} is missing")));
            }
        }
        let style = fields.get("style").map(|text| probabilities(text));
        Ok(Self {
            version: count("version")?,
            feedback_count: count("feedback_count")?,
            rating_sum: count("rating_sum")?,
            updated_at: optional(fields, "updated_at")?.map(Timestamp::from_unix_ms),
            style: style.transpose()?.unwrap_or_else(|| Self::prior().style),
        })
    }
}

fn probabilities(text: &str) -> Result<Probabilities, DecodeError> {
    let read = serde_json::from_str::<Probabilities>(text).ok();
    let is_share = |share: &f64| (0.0..=1.0).contains(share);
    read.filter(|read| read.values().flat_map(BTreeMap::values).all(is_share))
        .ok_or_else(|| malformed("style"))
}

/// `learning:profile:{user_id}`: a person's profile.
pub const PROFILE: KeyFamily<Streams, ProfileRecord, Uuid> = KeyFamily::new(Declaration {
    pattern: "learning:profile:{user_id}",
    kind: Kind::Hash,
    lifetime: Lifetime::Permanent,
    producer: "learning-consumer",
    holds: "style probabilities, ratings by choice, and per stream the floor of the positions applied",
});

/// The fields of [`APPLIED`]: a stream and a position in it, with a space between.
#[derive(Debug)]
pub enum AppliedPositions {}

/// `learning:applied:{user_id}`: positions applied that the floor has not passed yet, because an entry
/// before them is still pending. Mostly not there.
pub const APPLIED: KeyFamily<Streams, AppliedPositions, Uuid> = KeyFamily::new(Declaration {
    pattern: "learning:applied:{user_id}",
    kind: Kind::Hash,
    lifetime: Lifetime::Permanent,
    producer: "learning-consumer",
    holds: "positions applied above the floor of their stream; each goes when the floor has passed it",
});

/// The members of [`SEEN`]: ids of events, each in its 16 bytes.
#[derive(Debug)]
pub enum SeenEvents {}

/// Days for which an event that was appended twice counts once.
pub const SEEN_DAYS: u64 = 8;

/// `learning:seen:{day}`: the events that profiles have learned from on a day, counted from the Unix epoch.
pub const SEEN: KeyFamily<Streams, SeenEvents, u64> = KeyFamily::new(Declaration {
    pattern: "learning:seen:{day}",
    kind: Kind::Set,
    lifetime: Lifetime::Ttl(DAY.saturating_mul(SEEN_DAYS as u32)),
    producer: "learning-consumer",
    holds: "ids of the events learned from on that day of the Unix epoch, so that an event appended twice counts once",
});

/// A reply, as far as ratings need it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplyRecord {
    /// Whom it was given.
    pub user_id: Uuid,
    /// In which conversation.
    pub conversation_id: Uuid,
    /// How it was written.
    pub style: Style,
    /// How likely that style was.
    pub propensity: f64,
    /// The profile it was drawn from.
    pub profile_version: u64,
}

impl ReplyRecord {
    /// Field names and values.
    pub fn to_fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("user_id", self.user_id.to_string()),
            ("conversation_id", self.conversation_id.to_string()),
            (
                "style",
                serde_json::to_string(&self.style).unwrap_or_default(),
            ),
            ("propensity", self.propensity.to_string()),
            ("profile_version", self.profile_version.to_string()),
        ]
    }
}

impl FieldsValue for ReplyRecord {
    fn from_fields(fields: &BTreeMap<String, String>) -> Result<Self, DecodeError> {
        let style = required::<String>(fields, "style")?;
        Ok(Self {
            user_id: required(fields, "user_id")?,
            conversation_id: required(fields, "conversation_id")?,
            style: serde_json::from_str(&style).map_err(|_| malformed("style"))?,
            propensity: required(fields, "propensity")?,
            profile_version: required(fields, "profile_version")?,
        })
    }
}

/// `ai:reply:{message_id}`: a reply of the mentor.
pub const REPLY: KeyFamily<Streams, ReplyRecord, Uuid> = KeyFamily::new(Declaration {
    pattern: "ai:reply:{message_id}",
    kind: Kind::Hash,
    lifetime: Lifetime::Ttl(KEPT),
    producer: "ai-gateway",
    holds: "user, conversation, style, propensity, profile version",
});

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationMessage {
    /// `person` or `mentor`.
    pub role: String,
    /// What was said.
    pub text: String,
    /// When.
    pub at: Timestamp,
    /// Id of a reply of the mentor.
    pub message_id: Option<Uuid>,
}

/// What [`CONVERSATION`] holds: `user_id`, `count`, `bytes`, `message:<n>` a [`ConversationMessage`] as JSON, and
/// `comment:<message_id>` the words of the last rating of a reply.
#[derive(Debug)]
pub enum Conversation {}

/// Messages a conversation keeps, the newest.
pub const CONVERSATION_MESSAGES: u64 = 400;

/// Bytes that a person's conversations take, with what is kept of their replies; beyond it their oldest go.
pub const CONVERSATION_BYTES: u64 = 16 << 20;

/// `ai:conversation:{id}`: the messages of a conversation.
pub const CONVERSATION: KeyFamily<Streams, Conversation, Uuid> = KeyFamily::new(Declaration {
    pattern: "ai:conversation:{id}",
    kind: Kind::Hash,
    lifetime: Lifetime::Ttl(KEPT),
    producer: "ai-gateway",
    holds: "messages and the comments of ratings: the one place of a person's free text; 90 d after the last message",
});

/// The members of [`CONVERSATIONS`]: conversation ids scored by their last message, in Unix ms.
#[derive(Debug)]
pub enum ConversationIndex {}

/// `ai:conversations:{user_id}`: a person's conversations.
pub const CONVERSATIONS: KeyFamily<Streams, ConversationIndex, Uuid> =
    KeyFamily::new(Declaration {
        pattern: "ai:conversations:{user_id}",
        kind: Kind::SortedSet,
        lifetime: Lifetime::Ttl(KEPT),
        producer: "ai-gateway",
        holds: "ids of a person's conversations, scored by their last message",
    });

/// What the mentor remembers of a person. Besides what is read here the hash keeps, for the script `record_reply`:
/// `conversation_bytes`, what their conversations take, and `answers`, a day (of the Unix epoch) and the bytes of
/// the answers remembered on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MentorMemory {
    /// The newest profile that chose a style.
    pub profile_version: u64,
    /// Per project, the position up to which they were here or were told.
    pub seen: BTreeMap<Uuid, Position>,
}

impl FieldsValue for MentorMemory {
    fn from_fields(fields: &BTreeMap<String, String>) -> Result<Self, DecodeError> {
        let seen = fields.iter().filter_map(|(name, value)| {
            let project = Uuid::try_parse(name.strip_prefix("seen:")?);
            let place = project.ok().zip(value.parse().ok());
            Some(place.ok_or_else(|| malformed("seen")))
        });
        Ok(Self {
            profile_version: optional(fields, "profile_version")?.unwrap_or_default(),
            seen: seen.collect::<Result<_, _>>()?,
        })
    }
}

/// `ai:memory:{user_id}`: what the mentor remembers of a person.
pub const MEMORY: KeyFamily<Streams, MentorMemory, Uuid> = KeyFamily::new(Declaration {
    pattern: "ai:memory:{user_id}",
    kind: Kind::Hash,
    lifetime: Lifetime::Ttl(KEPT),
    producer: "ai-gateway, and ui-gateway when a live page is left",
    holds: "the newest profile version that chose a style; per project the position up to which they were here or were told",
});

/// The first answer to an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstAnswer {
    /// SHA-256 of the request, in hex.
    pub request_sha256: String,
    /// The answer.
    pub answer: String,
}

impl Value for FirstAnswer {
    fn encode(&self) -> Vec<u8> {
        format!("{}\n{}", self.request_sha256, self.answer).into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(bytes).map_err(|error| DecodeError(error.to_string()))?;
        let parts = text.split_once('\n');
        let (request, answer) = parts.ok_or_else(|| DecodeError("no request hash".to_owned()))?;
        Ok(Self {
            request_sha256: request.to_owned(),
            answer: answer.to_owned(),
        })
    }
}

/// `idempotency:{user_id}:{sha256}`: the first answer to an idempotency key.
pub const IDEMPOTENCY: KeyFamily<Streams, FirstAnswer, (Uuid, String)> =
    KeyFamily::new(Declaration {
        pattern: "idempotency:{user_id}:{sha256}",
        kind: Kind::String,
        lifetime: Lifetime::Ttl(DAY),
        producer: "ai-gateway",
        holds: "hash of the request and its first answer",
    });

/// An entry that no consumer can take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// The event as it came; all fields as JSON where there is none.
    pub event: String,
    /// The stream it was in.
    pub source_stream: String,
    /// Its ID there.
    pub source_id: String,
    /// Whose consumer gave up.
    pub group: String,
    /// Why.
    pub error: String,
    /// Deliveries until then.
    pub attempts: u64,
    /// When.
    pub failed_at: Timestamp,
}

impl FieldsValue for DeadLetter {
    fn from_fields(fields: &BTreeMap<String, String>) -> Result<Self, DecodeError> {
        Ok(Self {
            event: required(fields, "event")?,
            source_stream: required(fields, "source_stream")?,
            source_id: required(fields, "source_id")?,
            group: required(fields, "group")?,
            error: required(fields, "error")?,
            attempts: required(fields, "attempts")?,
            failed_at: required(fields, "failed_at")?,
        })
    }
}

/// The members of [`DEAD_LETTER_INDEX`]: group and source ID, scored by the ID's time in Unix ms.
#[derive(Debug)]
pub enum DeadLetterIndex {}

/// `dead_letters:{stream}`: which entries of a stream are dead letters already, so that a group made anew
/// does not tell of them again.
pub const DEAD_LETTER_INDEX: KeyFamily<Streams, DeadLetterIndex, String> =
    KeyFamily::new(Declaration {
        pattern: "dead_letters:{stream}",
        kind: Kind::SortedSet,
        lifetime: Lifetime::Newest(100_000),
        producer: "stream-worker",
        holds: "group and source ID of the entries in dlq:{stream}",
    });

/// `delivered:{stream}`: up to where the group of a stream was given every entry.
pub const DELIVERED: KeyFamily<Streams, Position, String> = KeyFamily::new(Declaration {
    pattern: "delivered:{stream}",
    kind: Kind::String,
    lifetime: Lifetime::Permanent,
    producer: "stream-worker and learning-consumer",
    holds: "ID up to which every entry was delivered to the stream's group; its last-delivered-id is after entries that were not, once XGROUP SETID has moved it",
});

fn optional<T: std::str::FromStr>(
    fields: &BTreeMap<String, String>,
    name: &str,
) -> Result<Option<T>, DecodeError> {
    let value = fields.get(name).map(|text| text.parse());
    value.transpose().map_err(|_| malformed(name))
}

fn required<T: std::str::FromStr>(
    fields: &BTreeMap<String, String>,
    name: &str,
) -> Result<T, DecodeError> {
    let value = optional(fields, name)?;
    value.ok_or_else(|| DecodeError(format!("{name} is missing")))
}

fn malformed(name: &str) -> DecodeError {
    DecodeError(format!("{name} is malformed"))
}
