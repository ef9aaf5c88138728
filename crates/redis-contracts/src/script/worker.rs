//! What a consumer group needs beside reading.

use std::time::Duration;

use super::{DEAD_LETTER, Invocation, TIDY_STREAM, max_age, millis, text};
use crate::{Consumed, DEAD_LETTER_INDEX, DEAD_LETTERS, DeadLetter, STREAM_BYTES, Streams};

/// Moves an entry to the dead letters of its stream; see `dead_letter.lua`. Reply: 1 or 0.
pub fn dead_letter(letter: &DeadLetter) -> Invocation<Streams> {
    let stream = &letter.source_stream;
    Invocation::new(
        &DEAD_LETTER,
        vec![
            stream.clone(),
            DEAD_LETTERS.key(stream.clone()).name().to_owned(),
            DEAD_LETTER_INDEX.key(stream.clone()).name().to_owned(),
        ],
        vec![
            text(&letter.group),
            text(&letter.source_id),
            text(&letter.event),
            text(&letter.error),
            text(letter.attempts),
            text(letter.failed_at),
            text(DEAD_LETTERS.newest().unwrap_or_default()),
            text(STREAM_BYTES),
        ],
    )
}

/// Trims a stream and forgets consumers that have been idle this long; see `tidy_stream.lua`. Reply: how
/// many entries were trimmed.
pub fn tidy_stream(of: Consumed, consumer_idle: Duration) -> Invocation<Streams> {
    Invocation::new(
        &TIDY_STREAM,
        vec![of.stream.key(()).name().to_owned()],
        vec![
            text(of.group),
            max_age(of.stream),
            text(STREAM_BYTES),
            text(millis(consumer_idle)),
        ],
    )
}
