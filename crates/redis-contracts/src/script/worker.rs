//! What a consumer group needs beside reading.

use std::time::Duration;

use super::{DEAD_LETTER, HOLD, Invocation, REPAIR_STREAM, TIDY_STREAM, max_age, millis, text};
use crate::{
    Consumed, DEAD_LETTER_INDEX, DEAD_LETTERS, DELIVERED, DeadLetter, Position, STREAM_BYTES,
    StreamFamily, Streams, Timestamp, keys::OUTBOX,
};

/// Moves an entry to the dead letters of its stream; see `dead_letter.lua`. Reply: 1 or 0.
pub fn dead_letter(letter: &DeadLetter) -> Invocation<Streams> {
    let stream = &letter.source_stream;
    Invocation::new(
        &DEAD_LETTER,
        vec![
            stream.clone(),
            DEAD_LETTERS.key(stream.clone()).name().to_owned(),
            DEAD_LETTER_INDEX.key(stream.clone()).name().to_owned(),
            DELIVERED.key(stream.clone()).name().to_owned(),
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

/// Trims a stream, forgets consumers that have been idle this long, and takes back a group that is ahead of its
/// stream; see `tidy_stream.lua`. Reply: how many entries were trimmed.
pub fn tidy_stream(of: Consumed, consumer_idle: Duration) -> Invocation<Streams> {
    let name = of.stream.key(()).name().to_owned();
    let delivered = DELIVERED.key(name.clone()).name().to_owned();
    Invocation::new(
        &TIDY_STREAM,
        vec![name, delivered],
        vec![
            text(of.group),
            max_age(of.stream),
            text(STREAM_BYTES),
            text(millis(consumer_idle)),
        ],
    )
}

/// Takes out of a stream what comes after a minute from now, which Redis gave no ID; see `repair_stream.lua`.
/// Reply: how many entries were taken out, and whether that was all.
pub fn repair_stream(stream: &StreamFamily<()>) -> Invocation<Streams> {
    repair(stream, None, Vec::new())
}

/// Takes out of a stream whose IDs are given by a producer what comes after `highest`, and has the producer go on
/// from the newest entry that is left; see `repair_stream.lua`. Reply: how many entries were taken out, and
/// whether that was all.
pub fn repair_log(
    stream: &StreamFamily<()>,
    producer: &'static str,
    highest: Position,
) -> Invocation<Streams> {
    repair(stream, Some(producer), text(highest))
}

fn repair(
    stream: &StreamFamily<()>,
    producer: Option<&'static str>,
    highest: Vec<u8>,
) -> Invocation<Streams> {
    let name = stream.key(()).name().to_owned();
    let letters = DEAD_LETTERS.key(name.clone()).name().to_owned();
    let outbox = producer.map(|producer| OUTBOX.key(producer).name().to_owned());
    Invocation::new(
        &REPAIR_STREAM,
        [name, letters].into_iter().chain(outbox).collect(),
        vec![
            highest,
            text(Timestamp::now()),
            text(DEAD_LETTERS.newest().unwrap_or_default()),
        ],
    )
}
