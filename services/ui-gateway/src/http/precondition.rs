//! `If-Match`, RFC 9110 section 13.1.1: a change is made only to the version the caller has seen.

use std::{convert::Infallible, future::Ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::IF_MATCH};
use service_kit::{Code, Problem};

use super::{argument::Argument, route::OperationDoc};

/// The versions that a request may change.
pub(super) struct IfMatch(Result<Vec<u64>, Problem>);

impl IfMatch {
    /// The versions; empty: any.
    pub(super) fn versions(self) -> Result<Vec<u64>, Problem> {
        self.0
    }
}

impl FromRequest for IfMatch {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let values = request.headers().get_all(IF_MATCH);
        let versions = parse(values.map(|value| value.as_bytes()));
        std::future::ready(Ok(Self(versions)))
    }
}

impl Argument for IfMatch {
    fn describe(doc: &mut OperationDoc) {
        doc.if_match = true;
    }
}

/// The versions that may be changed, from the header, which may be there several times; empty: any.
/// What cannot match is refused.
fn parse<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u64>, Problem> {
    let mut versions = Vec::new();
    let mut given = false;
    for value in values {
        given = true;
        for tag in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if tag == b"*" {
                return Ok(Vec::new());
            }
            versions.extend(version(tag));
        }
    }
    if given && versions.is_empty() {
        return Err(mismatch());
    }
    Ok(versions)
}

/// The version of a strong tag of ours.
fn version(tag: &[u8]) -> Option<u64> {
    let digits = tag.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| plain)?
        .parse()
        .ok()
}

fn mismatch() -> Problem {
    Problem::new(
        Code::VersionMismatch,
        "`If-Match` does not name the current version; read it again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strong_tags_and_the_star_are_understood() {
        for (values, versions) in [
            (&[][..], &[][..]),
            (&["*"], &[]),
            (&["\"7\"", "*"], &[]),
            (&["\"7\""], &[7]),
            (&["\"7\" , W/\"8\""], &[7]),
            (&["\"7\",\"8\""], &[7, 8]),
            (&["\"7\"", "\"8\""], &[7, 8]),
        ] {
            let parsed = parse(values.iter().map(|value: &&str| value.as_bytes()));
            assert_eq!(parsed, Ok(versions.to_vec()), "{values:?}");
        }
        for bad in [
            "",
            "7",
            "W/\"7\"",
            "\"\"",
            "\"+7\"",
            "\"x\"",
            "\"7",
            "\"99999999999999999999\"",
        ] {
            assert_eq!(
                parse([bad.as_bytes()].into_iter()).map_err(|problem| problem.code),
                Err(Code::VersionMismatch),
                "{bad}"
            );
        }
    }
}
