//! What a consumer group needs beside reading.

use std::time::Duration;

use super::{DEAD_LETTER, HOLD, Invocation, TIDY_STREAM, millis, oldest_kept, text};
use crate::{Consumed, DEAD_LETTER_INDEX, DEAD_LETTERS, DeadLetter, Position, Streams};

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
        ],
    )
}

/// Lengthens a consumer's hold on entries; see `hold.lua`. Reply: the IDs that it still holds.
pub fn hold(of: Consumed, consumer: &str, entries: &[Position]) -> Invocation<Streams> {
    let ids = entries.iter().map(text);
    Invocation::new(
        &HOLD,
        vec![of.stream.key(()).name().to_owned()],
        [text(of.group), text(consumer)]
            .into_iter()
            .chain(ids)
            .collect(),
    )
}

/// Trims a stream and forgets consumers that have been idle this long; see `tidy_stream.lua`. Reply: how
/// many entries were trimmed.
pub fn tidy_stream(of: Consumed, consumer_idle: Duration) -> Invocation<Streams> {
    Invocation::new(
        &TIDY_STREAM,
        vec![of.stream.key(()).name().to_owned()],
        vec![
            oldest_kept(of.stream.max_age()),
            text(millis(consumer_idle)),
            text(of.group),
        ],
    )
}
