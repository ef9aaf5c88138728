//! The client's frames on their way to the codec. It keeps a frame until it is whole and only then looks
//! at its length, so that a header alone could claim gigabytes; here the length is judged from the header
//! (RFC 6455, 5.2), before a byte of the frame is kept. So is that of a message of several frames.

use std::{cell::Cell, num::NonZeroU32, rc::Rc};

use actix_web::{
    dev::Payload,
    error::PayloadError,
    web::{Buf, Bytes},
};
use futures_util::{Stream, StreamExt, stream};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Bytes of the longest header: two, eight of length, four of mask.
const LONGEST_HEADER: usize = 14;

/// Frames of a client, also as many at once: a message may consist of many, and none of them be a message.
const FRAMES_PER_SECOND: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// What is wrong with the frames of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// One, or a message of several, is longer than it may be.
    TooLarge,
    /// There are more than anybody needs.
    TooMany,
}

/// What the frames were ended for. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Verdict(Rc<Cell<Option<Fault>>>);

impl Verdict {
    /// The fault, where there was one.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.0.get()
    }
}

/// Passes on what arrives, up to the first message of more than `largest` bytes.
pub(super) fn bounded(payload: Payload, largest: usize, verdict: Verdict) -> Payload {
    Payload::Stream {
        payload: Box::pin(checked(payload, largest, verdict)),
    }
}

fn checked(
    payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    largest: usize,
    verdict: Verdict,
) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let start = Some((payload, Frames::new(largest)));
    stream::unfold(start, move |state| {
        let verdict = verdict.clone();
        async move {
            let (mut payload, mut frames) = state?;
            let bytes = match payload.next().await? {
                Ok(bytes) => bytes,
                Err(error) => return Some((Err(error), None)),
            };
            Some(match frames.check(&bytes) {
                Ok(()) => (Ok(bytes), Some((payload, frames))),
                Err(fault) => {
                    verdict.0.set(Some(fault));
                    (Err(PayloadError::Overflow), None)
                }
            })
        }
    })
}

/// Where in a frame the bytes are.
struct Frames {
    largest: u64,
    pace: DefaultDirectRateLimiter,
    /// What has arrived of a header.
    header: Vec<u8>,
    /// What is to come of the payload.
    left: usize,
    /// Bytes of the message, in its frames so far.
    message: u64,
}

impl Frames {
    fn new(largest: usize) -> Self {
        Self {
            largest: largest as u64,
            pace: RateLimiter::direct(Quota::per_second(FRAMES_PER_SECOND)),
            header: Vec::with_capacity(LONGEST_HEADER),
            left: 0,
            message: 0,
        }
    }

    /// Judges the frames that begin in these bytes.
    fn check(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        loop {
            let skipped = self.left.min(bytes.len());
            bytes.advance(skipped);
            self.left -= skipped;
            let Some(next) = bytes.split_off_first() else {
                return Ok(());
            };
            self.header.push(*next);
            if let Some(length) = payload_length(&self.header) {
                self.begin(self.header[0], length)?;
                self.header.clear();
            }
        }
    }

    fn begin(&mut self, first: u8, length: u64) -> Result<(), Fault> {
        const CONTINUES: u8 = 0;
        const CONTROL: u8 = 8;
        self.pace.check().map_err(|_| Fault::TooMany)?;
        let message = match first & 0x0f {
            CONTINUES => self.message.saturating_add(length),
            _ => length,
        };
        if message > self.largest {
            return Err(Fault::TooLarge);
        }
        if first & 0x0f < CONTROL {
            self.message = message;
        }
        self.left = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(())
    }
}

/// The length of the payload, once the header is whole.
fn payload_length(header: &[u8]) -> Option<u64> {
    debug_assert!(header.len() <= LONGEST_HEADER);
    let second = header.get(1)?;
    let (mut rest, masked) = (&header[2..], second & 0x80 != 0);
    let length = match second & 0x7f {
        126 => rest.try_get_u16().ok()?.into(),
        127 => rest.try_get_u64().ok()?,
        short => short.into(),
    };
    let mask = if masked { 4 } else { 0 };
    (rest.len() >= mask).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked text frame that claims so many bytes.
    fn frame(length: usize) -> Vec<u8> {
        let mut frame = vec![0x81];
        match length {
            ..126 => frame.push(0x80 | length as u8),
            126..65_536 => {
                frame.push(0xfe);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0xff);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.resize(frame.len() + length.min(100_000), b'x');
        frame
    }

    fn fits(bytes: &[u8], piece: usize) -> bool {
        let mut frames = Frames::new(16_384);
        bytes.chunks(piece).all(|piece| frames.check(piece).is_ok())
    }

    #[test]
    fn frames_up_to_the_bound_pass_in_pieces_of_any_size() {
        let lengths = [0, 1, 125, 126, 1000, 16_384, 0, 65, 16_384];
        let all: Vec<u8> = lengths.into_iter().flat_map(frame).collect();
        for piece in [1, 2, 3, 5, 7, 13, 14, 1000, all.len()] {
            assert!(fits(&all, piece), "{piece}");
        }
    }

    #[test]
    fn a_length_is_judged_from_the_header_alone() {
        for length in [16_385, 65_535, 65_536, 1 << 31] {
            let before = [frame(3), frame(200)].concat();
            let header = &frame(length)[..14.min(frame(length).len())];
            for piece in [1, 4, 1000] {
                assert!(!fits(&[&before[..], header].concat(), piece), "{length}");
            }
        }
        assert!(!fits(
            &[0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            1
        ));
    }

    #[actix_web::test]
    async fn what_is_too_large_ends_the_stream_and_says_so() {
        let pieces = [frame(10), frame(20_000), frame(10)].map(|piece| Ok(piece.into()));
        let verdict = Verdict::default();
        let passed: Vec<_> = checked(stream::iter(pieces), 16_384, verdict.clone())
            .collect()
            .await;
        assert!(matches!(&passed[..], [Ok(_), Err(PayloadError::Overflow)]));
        assert_eq!(verdict.fault(), Some(Fault::TooLarge));
    }

    #[test]
    fn the_frames_of_a_message_count_together_and_control_frames_between_them_apart() {
        let part = |first: u8, length: usize| {
            let mut part = frame(length);
            part[0] = first;
            part
        };
        let (begins, continues, ends, ping) = (0x01, 0x00, 0x80, 0x89);
        let message = |last| {
            let parts = [(begins, 8000), (ping, 100), (continues, 8000), (ends, last)];
            parts.map(|(first, length)| part(first, length)).concat()
        };
        assert!(fits(&[message(384), message(384)].concat(), 1000));
        assert!(!fits(&message(385), 1000));
    }

    #[test]
    fn frames_without_end_are_too_many() {
        let mut frames = Frames::new(16_384);
        let empty = [0x00, 0x80, 1, 2, 3, 4].repeat(300);
        assert_eq!(frames.check(&empty), Err(Fault::TooMany));
    }
}
