//! As much of the WebSocket protocol (RFC 6455) as counting text frames takes. By hand, because
//! whatever the client takes of the machine the server does not have.

/// A frame at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// 1 text, 8 close, 9 ping.
    pub opcode: u8,
    /// What it carries.
    pub payload: &'a [u8],
    /// Bytes of the whole frame.
    pub length: usize,
}

/// The text frame of a client. The mask is zero, which the protocol allows and leaves the text as it
/// is; `text` has at most 125 bytes.
pub fn client_text(text: &str) -> Vec<u8> {
    debug_assert!(text.len() <= 125);
    let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// The first frame, once all of it is there. Frames of a server are not masked.
pub fn first(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&[head, short], rest) = bytes.split_first_chunk()?;
    let (size, rest) = match short & 0x7f {
        126 => {
            let (size, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*size)), rest)
        }
        127 => {
            let (size, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*size)).ok()?, rest)
        }
        short => (usize::from(short), rest),
    };
    Some(Frame {
        opcode: head & 0x0f,
        payload: rest.get(..size)?,
        length: bytes.len() - rest.len() + size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_once_they_are_whole() {
        let mut bytes = vec![0x81, 126, 1, 0];
        bytes.extend([b'x'; 256]);
        bytes.extend([0x89, 0]);
        for short in [0, 1, 3, 259] {
            assert_eq!(first(&bytes[..short]), None);
        }
        let text = first(&bytes).expect("a frame");
        assert_eq!(
            (text.opcode, text.payload.len(), text.length),
            (1, 256, 260)
        );
        let ping = first(&bytes[260..]).expect("a frame");
        assert_eq!((ping.opcode, ping.length), (9, 2));
    }
}
