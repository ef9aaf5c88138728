//! `If-Match`, RFC 9110 section 13.1.1: a change is made only to the version the caller has seen.

use service_kit::{Code, Problem};

/// The versions that may be changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Precondition {
    /// Any.
    Any,
    /// This one.
    Version(u64),
    /// One of these.
    OneOf(Vec<u64>),
}

impl Precondition {
    /// Reads the header, which may be there several times. What cannot match is refused.
    pub(super) fn parse<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<Self, Problem> {
        let mut versions = Vec::new();
        let mut given = false;
        for value in values {
            given = true;
            for tag in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if tag == b"*" {
                    return Ok(Self::Any);
                }
                versions.extend(version(tag));
            }
        }
        match versions[..] {
            _ if !given => Ok(Self::Any),
            [] => Err(mismatch()),
            [version] => Ok(Self::Version(version)),
            _ => Ok(Self::OneOf(versions)),
        }
    }

    /// The version that the service is to insist on. `current` is asked only when several are
    /// allowed.
    pub(super) async fn version<E: From<Problem>>(
        self,
        current: impl AsyncFnOnce() -> Result<u64, E>,
    ) -> Result<Option<u64>, E> {
        match self {
            Self::Any => Ok(None),
            Self::Version(version) => Ok(Some(version)),
            Self::OneOf(versions) => {
                let current = current().await?;
                if versions.contains(&current) {
                    Ok(Some(current))
                } else {
                    Err(mismatch().into())
                }
            }
        }
    }
}

/// Refuses a resource that has another version than the caller insists on.
pub(super) fn require(if_version: Option<u64>, current: u64) -> Result<(), Problem> {
    if if_version.is_none_or(|version| version == current) {
        Ok(())
    } else {
        Err(mismatch())
    }
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
        let parse =
            |values: &[&str]| Precondition::parse(values.iter().map(|value| value.as_bytes()));
        assert_eq!(parse(&[]), Ok(Precondition::Any));
        assert_eq!(parse(&["*"]), Ok(Precondition::Any));
        assert_eq!(parse(&["\"7\""]), Ok(Precondition::Version(7)));
        assert_eq!(parse(&["\"7\" , W/\"8\""]), Ok(Precondition::Version(7)));
        assert_eq!(parse(&["\"7\",\"8\""]), Ok(Precondition::OneOf(vec![7, 8])));
        assert_eq!(
            parse(&["\"7\"", "\"8\""]),
            Ok(Precondition::OneOf(vec![7, 8]))
        );
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
                parse(&[bad]).map_err(|problem| problem.code),
                Err(Code::VersionMismatch),
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn several_versions_are_compared_with_the_current_one() {
        let several = || Precondition::OneOf(vec![7, 8]);
        assert_eq!(
            several().version(async || Ok::<_, Problem>(8)).await,
            Ok(Some(8))
        );
        let other = several().version(async || Ok::<_, Problem>(9)).await;
        assert_eq!(
            other.map_err(|problem| problem.code),
            Err(Code::VersionMismatch)
        );
    }
}
