//! What the mentor records.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    Invocation, MARK_SEEN, RECORD_REPLY, RECORD_SIGNAL, max_age, seconds, text, timeline_bounds,
};
use crate::{
    ADAPTATIONS, AI_EVENTS, CONVERSATION, CONVERSATION_BYTES, CONVERSATION_MESSAGES, CONVERSATIONS,
    ConversationMessage, FEEDBACK, FirstAnswer, IDEMPOTENCY, INTERACTIONS, LEARNING_GROUP, LIVE_AI,
    MEMORY, Position, REPLY, ReplyRecord, STREAM_BYTES, StreamFamily, Streams, Topic,
    USER_TIMELINE, Value,
    event::{Event, EventBody},
};

/// A reply and all that is recorded with it.
pub struct RecordReply<'a> {
    /// SHA-256 of the caller's idempotency key, or the reply's message id where there was none.
    pub idempotency: &'a str,
    /// Hash of the request, and the answer that the key gets again.
    pub first_answer: &'a FirstAnswer,
    /// The reply's message id.
    pub message_id: Uuid,
    /// The reply.
    pub reply: &'a ReplyRecord,
    /// Whether its conversation has begun before.
    pub goes_on: bool,
    /// What was asked.
    pub asked: &'a ConversationMessage,
    /// What was replied.
    pub replied: &'a ConversationMessage,
    /// `mentor.replied`, as JSON.
    pub replied_event: String,
    /// `interaction.recorded`, as JSON.
    pub asked_event: String,
    /// `mentor.adapted`, appended only when its profile is newer than the one that chose before.
    pub adapted_event: Adapted,
    /// Per project that was told of, the position of the newest event told.
    pub seen: &'a BTreeMap<Uuid, Position>,
}

/// A `mentor.adapted` event without the number of the version before, which only the script knows.
pub struct Adapted(String);

impl Adapted {
    /// From an event whose `previous_version` is not looked at.
    pub fn new(mut event: Event) -> Result<Self, serde_json::Error> {
        if let EventBody::MentorAdapted(adapted) = &mut event.body {
            adapted.previous_version = 0;
        }
        event.encode_open("0}}").map(Self)
    }
}

/// Records a reply; see `record_reply.lua`. Reply: what became of it, and a first answer.
pub fn record_reply(of: &RecordReply<'_>) -> Invocation<Streams> {
    let user_id = of.reply.user_id;
    let conversation_id = of.reply.conversation_id;
    let name = |key: &str| key.to_owned();
    let keys = vec![
        name(IDEMPOTENCY.key((user_id, of.idempotency.to_owned())).name()),
        name(REPLY.key(of.message_id).name()),
        name(CONVERSATION.key(conversation_id).name()),
        name(CONVERSATIONS.key(user_id).name()),
        name(MEMORY.key(user_id).name()),
        name(AI_EVENTS.key(()).name()),
        name(INTERACTIONS.key(()).name()),
        name(ADAPTATIONS.key(()).name()),
        name(USER_TIMELINE.key(user_id).name()),
    ];
    let fields: Vec<String> = of
        .reply
        .to_fields()
        .into_iter()
        .flat_map(|(field, value)| [field.to_owned(), value])
        .collect();
    let json = |message| serde_json::to_vec(message).unwrap_or_default();
    let mut args = vec![
        text(&of.first_answer.request_sha256),
        text(&of.first_answer.answer),
        seconds(IDEMPOTENCY.ttl()),
        seconds(CONVERSATION.ttl()),
        serde_json::to_vec(&fields).unwrap_or_default(),
        text(user_id),
        text(conversation_id),
        json(of.asked),
        json(of.replied),
        text(CONVERSATION_MESSAGES),
        text(CONVERSATION_BYTES),
        text(&of.replied_event),
        text(&of.asked_event),
        text(of.reply.profile_version),
        text(&of.adapted_event.0),
        text(LIVE_AI.name()),
        text(Topic::User(user_id)),
    ];
    args.extend(timeline_bounds(USER_TIMELINE.timeline()));
    for stream in [&AI_EVENTS, &INTERACTIONS, &ADAPTATIONS] {
        args.push(max_age(stream));
    }
    args.push(text(STREAM_BYTES));
    args.push(text(LEARNING_GROUP));
    args.push(text(if of.goes_on { "1" } else { "" }));
    for (project_id, position) in of.seen {
        args.push(text(seen_field(*project_id)));
        args.push(position.encode());
    }
    Invocation::new(&RECORD_REPLY, keys, args)
}

/// A rating or an interaction.
pub struct RecordSignal<'a> {
    /// SHA-256 of the caller's idempotency key, or the event's id where there was none.
    pub idempotency: &'a str,
    /// SHA-256 of the request, in hex.
    pub request_sha256: &'a str,
    /// Whose.
    pub user_id: Uuid,
    /// Of which reply.
    pub message_id: Uuid,
    /// In which conversation that was given.
    pub conversation_id: Uuid,
    /// `feedback.given` or `interaction.recorded`.
    pub event: &'a Event,
    /// Its JSON.
    pub event_json: String,
    /// The words of a rating.
    pub comment: Option<&'a ConversationMessage>,
}

/// Appends a rating or an interaction; see `record_signal.lua`. Reply: what became of it, and event id
/// and position with a space between.
pub fn record_signal(of: &RecordSignal<'_>) -> Invocation<Streams> {
    let stream: &StreamFamily<()> = match &of.event.body {
        EventBody::FeedbackGiven(_) => &FEEDBACK,
        _ => &INTERACTIONS,
    };
    let comment = of.comment.map(serde_json::to_vec);
    Invocation::new(
        &RECORD_SIGNAL,
        vec![
            IDEMPOTENCY
                .key((of.user_id, of.idempotency.to_owned()))
                .name()
                .to_owned(),
            REPLY.key(of.message_id).name().to_owned(),
            CONVERSATION.key(of.conversation_id).name().to_owned(),
            stream.key(()).name().to_owned(),
        ],
        vec![
            text(of.request_sha256),
            seconds(IDEMPOTENCY.ttl()),
            text(of.user_id),
            text(of.event.id),
            text(&of.event_json),
            text(of.message_id),
            comment.and_then(Result::ok).unwrap_or_default(),
            text(LEARNING_GROUP),
            max_age(stream),
            text(STREAM_BYTES),
        ],
    )
}

/// Remembers that a person has seen a project up to a position; see `mark_seen.lua`. Reply: 1 or 0.
pub fn mark_seen(user_id: Uuid, project_id: Uuid, position: Position) -> Invocation<Streams> {
    Invocation::new(
        &MARK_SEEN,
        vec![MEMORY.key(user_id).name().to_owned()],
        vec![
            text(seen_field(project_id)),
            position.encode(),
            seconds(MEMORY.ttl()),
        ],
    )
}

fn seen_field(project_id: Uuid) -> String {
    format!("seen:{project_id}")
}
