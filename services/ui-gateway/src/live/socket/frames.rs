//! The client's frames on their way to the codec. It keeps a frame until it is whole and only then looks
//! at its length, so that a header alone could claim gigabytes; here the length is judged from the header
//! (RFC 6455, 5.2), before a byte of the frame is kept.

use std::{cell::Cell, rc::Rc};

use actix_web::{
    dev::Payload,
    error::PayloadError,
    web::{Buf, Bytes},
};
use futures_util::{Stream, StreamExt, stream};

/// Bytes of the longest header: two, eight of length, four of mask.
const LONGEST_HEADER: usize = 14;

/// Whether a frame was too large. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct TooLarge(Rc<Cell<bool>>);

impl TooLarge {
    /// Whether one was.
    pub(super) fn seen(&self) -> bool {
        self.0.get()
    }
}

/// Passes on what arrives, up to the first frame of more than `largest` bytes.
pub(super) fn bounded(payload: Payload, largest: usize, too_large: TooLarge) -> Payload {
    Payload::Stream {
        payload: Box::pin(checked(payload, largest, too_large)),
    }
}

fn checked(
    payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    largest: usize,
    too_large: TooLarge,
) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let start = Some((payload, Frames::default()));
    stream::unfold(start, move |state| {
        let too_large = too_large.clone();
        async move {
            let (mut payload, mut frames) = state?;
            let arrived = payload.next().await?;
            Some(match arrived {
                Ok(bytes) if frames.fit(&bytes, largest) => (Ok(bytes), Some((payload, frames))),
                Ok(_) => {
                    too_large.0.set(true);
                    (Err(PayloadError::Overflow), None)
                }
                Err(error) => (Err(error), None),
            })
        }
    })
}

/// Where in a frame the bytes are.
#[derive(Default)]
struct Frames {
    /// What has arrived of a header.
    header: Vec<u8>,
    /// What is to come of the payload.
    left: usize,
}

impl Frames {
    /// Whether all frames that begin in these bytes have at most so many.
    fn fit(&mut self, mut bytes: &[u8], largest: usize) -> bool {
        loop {
            let skipped = self.left.min(bytes.len());
            bytes.advance(skipped);
            self.left -= skipped;
            let Some(next) = bytes.split_off_first() else {
                return true;
            };
            self.header.push(*next);
            if let Some(length) = payload_length(&self.header) {
                if length > largest as u64 {
                    return false;
                }
                self.left = usize::try_from(length).unwrap_or(usize::MAX);
                self.header.clear();
            }
        }
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
        let mut frames = Frames::default();
        bytes.chunks(piece).all(|piece| frames.fit(piece, 16_384))
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
        let too_large = TooLarge::default();
        let passed: Vec<_> = checked(stream::iter(pieces), 16_384, too_large.clone())
            .collect()
            .await;
        assert!(matches!(&passed[..], [Ok(_), Err(PayloadError::Overflow)]));
        assert!(too_large.seen());
    }
}
