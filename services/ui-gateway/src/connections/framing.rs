//! Where requests begin and end in what a connection sends (RFC 9112 sections 2.1, 6 and 7.1): the server is
//! given one at a time. It would read on and keep a head of 20 bytes as 2,800, and as many of them as come.

/// Longest head of a request, and longest line about a chunk of its body.
pub(super) const LONGEST_HEAD: usize = 16 << 10;

/// What follows the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    /// A body of so many bytes; 0 is none.
    Bytes(u64),
    /// A body in chunks.
    Chunks,
    /// Whatever comes, to the end: it is a socket from now on.
    Anything,
}

/// How far a connection has been read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Framing(At);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Within a head, or before one.
    Head(Head),
    /// After a head: the server says what follows.
    Taken,
    /// Within a body of a known length, of which so many bytes are left.
    Body(u64),
    /// Within a body in chunks.
    Chunks(Chunk),
    Anything,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    bytes: usize,
    /// There is something of the line that comes at present.
    in_line: bool,
    /// There is something beside empty lines, which may come before a request.
    has_begun: bool,
}

/// Malformed ones are the server's to refuse: it closes the connection then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// Its size, as far as it has come.
    Size(u64),
    /// What follows the size in its line, and how long that is.
    Extension { size: u64, bytes: usize },
    /// So many bytes of it are left, the end of its line among them.
    Data(u64),
    /// After the last one: lines, until an empty one, and how long they are.
    Trailer { line: Line, bytes: usize },
}

/// As far as a line has come; CRLF ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Start,
    Inside,
    Return { is_empty: bool },
}

/// Bytes that came: first some that are of no use to the server, then those that it may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) skipped: usize,
    pub(super) given: usize,
}

impl Framing {
    /// Before the first request.
    pub(super) const fn new() -> Self {
        Self(At::head())
    }

    /// Whether what comes belongs to no request that the server has.
    pub(super) const fn is_between(&self) -> bool {
        matches!(self.0, At::Head(_))
    }

    /// Whether nothing has come of the next request.
    pub(super) const fn is_before_head(&self) -> bool {
        matches!(self.0, At::Head(head) if !head.has_begun)
    }

    /// Whether the server has a head, and has not said what follows.
    pub(super) const fn is_taken(&self) -> bool {
        matches!(self.0, At::Taken)
    }

    /// Whether the server has a request, and not all of its body.
    pub(super) const fn is_in_body(&self) -> bool {
        matches!(self.0, At::Body(_) | At::Chunks(_))
    }

    /// Whether the server has a request whose body has no length.
    pub(super) const fn is_in_chunks(&self) -> bool {
        matches!(self.0, At::Chunks(_))
    }

    /// Whether the server waits for the rest of a head.
    pub(super) const fn is_in_head(&self) -> bool {
        matches!(self.0, At::Head(head) if head.has_begun)
    }

    /// Whether a head, or a line about a chunk, is longer than [`LONGEST_HEAD`].
    pub(super) const fn is_too_long(&self) -> bool {
        let bytes = match self.0 {
            At::Head(head) => head.bytes,
            At::Chunks(Chunk::Extension { bytes, .. } | Chunk::Trailer { bytes, .. }) => bytes,
            _ => 0,
        };
        bytes > LONGEST_HEAD
    }

    /// What may be read at once: more only where it holds no more than one request.
    pub(super) fn most(&self, piece: usize) -> usize {
        match self.0 {
            At::Body(left) | At::Chunks(Chunk::Data(left)) => {
                usize::try_from(left).unwrap_or(usize::MAX)
            }
            At::Anything => usize::MAX,
            At::Head(head) => piece.min((LONGEST_HEAD + 1).saturating_sub(head.bytes)),
            At::Taken | At::Chunks(_) => piece,
        }
    }

    /// The server has a head.
    pub(super) fn begin(&mut self, follows: Follows) {
        self.0 = match follows {
            Follows::Bytes(0) => At::head(),
            Follows::Bytes(bytes) => At::Body(bytes),
            Follows::Chunks => At::Chunks(Chunk::Size(0)),
            Follows::Anything => At::Anything,
        };
    }

    /// How many of these bytes the server may have now, up to the end of a head or of a body. They count
    /// as read. Empty lines before a head are skipped: the server would take them for its beginning.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Step {
        let skipped = match &mut self.0 {
            At::Head(head) => head.skip(bytes),
            _ => 0,
        };
        let given = self.give(&bytes[skipped..]);
        Step { skipped, given }
    }

    fn give(&mut self, bytes: &[u8]) -> usize {
        match &mut self.0 {
            At::Taken => 0,
            At::Anything => bytes.len(),
            At::Body(left) => {
                let of_body = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left -= of_body as u64;
                if *left == 0 {
                    self.0 = At::head();
                }
                of_body
            }
            At::Head(head) => {
                let read = head.advance(bytes);
                self.end_with(read, bytes, At::Taken)
            }
            At::Chunks(chunk) => {
                let read = chunk.advance(bytes);
                self.end_with(read, bytes, At::head())
            }
        }
    }

    /// All of the bytes were read, or it ended after so many.
    fn end_with(&mut self, ended: Option<usize>, bytes: &[u8], next: At) -> usize {
        if ended.is_some() {
            self.0 = next;
        }
        ended.unwrap_or(bytes.len())
    }
}

impl At {
    const fn head() -> Self {
        Self::Head(Head {
            bytes: 0,
            in_line: false,
            has_begun: false,
        })
    }
}

impl Head {
    /// How many of these bytes are empty lines before it.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        if self.has_begun {
            return 0;
        }
        let first = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
        self.has_begun = first.is_some();
        let skipped = first.unwrap_or(bytes.len());
        self.bytes += skipped;
        skipped
    }

    /// After how many of these bytes it ends, if it does.
    fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if !self.in_line => return Some(at + 1),
                b'\n' => self.in_line = false,
                b'\r' => {}
                _ => self.in_line = true,
            }
        }
        self.bytes += bytes.len();
        None
    }
}

impl Chunk {
    /// After how many of these bytes the last one ends, if it does.
    fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            *self = match (*self, byte) {
                (Self::Size(size) | Self::Extension { size, .. }, b'\n') => Self::after_size(size),
                (Self::Size(size), byte) => match char::from(*byte).to_digit(16) {
                    Some(digit) => Self::Size(size.saturating_mul(16).saturating_add(digit.into())),
                    None => Self::Extension { size, bytes: 1 },
                },
                (Self::Extension { size, bytes }, _) => Self::Extension {
                    size,
                    bytes: bytes + 1,
                },
                (Self::Data(left), _) => {
                    let rest = (bytes.len() - at) as u64;
                    let more = rest.min(left - 1);
                    at += usize::try_from(more).unwrap_or(usize::MAX);
                    match left - 1 - more {
                        0 => Self::Size(0),
                        left => Self::Data(left),
                    }
                }
                (Self::Trailer { line, bytes }, byte) => match line.advance(*byte) {
                    Some(line) => Self::Trailer {
                        line,
                        bytes: bytes + 1,
                    },
                    None => return Some(at),
                },
            };
        }
        None
    }

    const fn after_size(size: u64) -> Self {
        match size {
            0 => Self::Trailer {
                line: Line::Start,
                bytes: 0,
            },
            size => Self::Data(size.saturating_add(2)),
        }
    }
}

impl Line {
    /// `None`: it ends, and is empty.
    const fn advance(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Return { is_empty: true }, b'\n') => None,
            (Self::Return { is_empty: false }, b'\n') => Some(Self::Start),
            (Self::Start, b'\r') => Some(Self::Return { is_empty: true }),
            (_, b'\r') => Some(Self::Return { is_empty: false }),
            _ => Some(Self::Inside),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// What the server is given, piece by piece, of what comes in pieces; it says what follows each head.
    fn given(pieces: &[&[u8]], follows: &[Follows]) -> Vec<Vec<u8>> {
        let (mut framing, mut follows) = (Framing::new(), follows.iter());
        let mut given = vec![Vec::new()];
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let step = framing.advance(rest);
                let (now, later) = rest[step.skipped..].split_at(step.given);
                given.last_mut().expect("one").extend(now);
                rest = later;
                if framing.is_taken() {
                    let follows = follows.next().expect("a request that is known");
                    framing.begin(*follows);
                    given.push(Vec::new());
                } else if framing == Framing::new() {
                    given.push(Vec::new());
                }
            }
        }
        given.retain(|part| !part.is_empty());
        given
    }

    const SENT: &[(&str, Follows)] = &[
        (
            "\r\n\r\nGET /a HTTP/1.1\r\nhost: x\r\n\r\n",
            Follows::Bytes(0),
        ),
        ("GET /b HTTP/1.1\nhost: x\n\n", Follows::Bytes(0)),
        (
            "POST /c HTTP/1.1\r\ncontent-length: 12\r\n\r\n",
            Follows::Bytes(12),
        ),
        ("GET \r\n\r\n /!\n", Follows::Bytes(0)),
        (
            "POST /d HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
            Follows::Chunks,
        ),
        (
            "a;x=\"0\"\r\nGET / \r\n\r\nA\r\n00\r\n\r\n",
            Follows::Bytes(0),
        ),
        ("POST /e HTTP/1.1\r\n\r\n", Follows::Chunks),
        ("1\r\n\n\r\n0\r\nx: y\r\n\r\n", Follows::Bytes(0)),
        ("GET /f HTTP/1.1\r\n\r\n", Follows::Anything),
        ("GET / \r\n\r\nGET / \r\n\r\n", Follows::Anything),
    ];

    /// Those of [`SENT`] that are heads, with what follows them.
    fn follows() -> Vec<Follows> {
        let heads = SENT.iter().filter(|(text, _)| text.contains("HTTP/1.1"));
        heads.map(|(_, follows)| *follows).collect()
    }

    proptest! {
        #[test]
        fn each_head_and_each_body_comes_by_itself_however_it_is_cut(cuts in vec(1_usize..40, 0..200)) {
            let all: Vec<u8> = SENT.iter().flat_map(|(text, _)| text.bytes()).collect();
            let (mut pieces, mut rest) = (Vec::new(), all.as_slice());
            for cut in cuts {
                let (piece, later) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = later;
            }
            pieces.push(rest);
            let parts: Vec<_> = SENT
                .iter()
                .map(|(text, _)| text.trim_start_matches("\r\n").as_bytes().to_vec())
                .collect();
            prop_assert_eq!(given(&pieces, &follows()), parts);
        }

        #[test]
        fn nothing_that_comes_is_too_much_for_it(bytes in vec(any::<u8>(), 0..300), chunked: bool) {
            let mut framing = Framing::new();
            if chunked {
                framing.begin(Follows::Chunks);
            }
            let step = framing.advance(&bytes);
            prop_assert!(step.skipped + step.given <= bytes.len());
            prop_assert!(bytes.is_empty() || step != Step::default());
        }
    }

    #[test]
    fn a_chunk_that_claims_to_be_endless_is_read_as_one() {
        let mut framing = Framing::new();
        framing.begin(Follows::Chunks);
        let sent = b"ffffffffffffffffffffff\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        assert_eq!(framing.advance(sent).given, sent.len());
        assert!(!framing.is_between());
    }

    #[test]
    fn what_never_ends_is_too_long() {
        let long = vec![b'a'; LONGEST_HEAD];
        for begin in [
            "GET / HTTP/1.1\r\nx: ",
            "POST / HTTP/1.1\r\n\r\n0;",
            "POST / HTTP/1.1\r\n\r\n0\r\n",
        ] {
            let mut framing = Framing::new();
            let head = framing.advance(begin.as_bytes()).given;
            if framing.is_taken() {
                framing.begin(Follows::Chunks);
                framing.advance(&begin.as_bytes()[head..]);
            }
            assert!(!framing.is_too_long(), "{begin}");
            framing.advance(&long);
            framing.advance(b"a");
            assert!(framing.is_too_long(), "{begin}");
        }
        let mut framing = Framing::new();
        framing.advance(&b"\r\n".repeat(LONGEST_HEAD));
        assert!(
            framing.is_too_long() && !framing.is_in_head(),
            "empty lines"
        );
    }
}
