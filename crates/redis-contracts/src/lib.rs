//! What is in Redis: every key, stream, channel, script and event type of the platform is declared
//! here and nowhere else.
//!
//! The declarations are data. Names, TTLs and value types are taken from them by the code, and the
//! reference in `docs/redis.md` is generated from them. This crate is pure: no client, no runtime,
//! no service; `redis-access` says how Redis is reached.

mod catalog;
mod channel;
mod declaration;
pub mod event;
mod instance;
pub mod keys;
mod learning;
mod position;
mod reference;
pub mod resource;
pub mod script;
mod signed_copy;
mod stream;
mod style;
mod timestamp;
mod value;

pub use catalog::catalog;
pub use channel::{Channel, LIVE_AI, LIVE_PROJECTS, LiveMessage, ParseTopicError, Topic};
pub use declaration::{Declaration, Key, KeyArgs, KeyFamily, Kind, Lifetime, Timeline};
pub use instance::{Cache, Instance, RedisInstance, Streams};
pub use learning::{
    APPLIED, AppliedPositions, CONVERSATION, CONVERSATION_BYTES, CONVERSATION_MESSAGES,
    CONVERSATIONS, Conversation, ConversationIndex, ConversationMessage, DEAD_LETTER_INDEX,
    DELIVERED, DeadLetter, DeadLetterIndex, FirstAnswer, IDEMPOTENCY, MEMORY, MentorMemory,
    PROFILE, Probabilities, ProfileRecord, REPLY, ReplyRecord, SEEN, SEEN_DAYS, SeenEvents,
};
pub use position::{ParsePositionError, Position};
pub use reference::reference_markdown;
pub use signed_copy::{COPY_GOOD_FOR, HotCopy, SignedCopy};
pub use stream::{
    ADAPTATIONS, AI_EVENTS, AUTH_EVENTS, CONSUMED, Consumed, DEAD_LETTERS, EVENT_FIELD, FEEDBACK,
    INTERACTIONS, LEARNING_GROUP, MODEL_UPDATES, PROJECT_TIMELINE, PROJECTS, STREAM_BYTES, STREAMS,
    STREAMS_BYTES, StreamFamily, USER_TIMELINE,
};
pub use style::{DIMENSIONS, Dimension, Style, UnknownStyle};
pub use timestamp::{ParseTimestampError, Timestamp};
pub use value::{DecodeError, FieldsValue, Value};
