//! Machine tokens: `dmp_` and base64url of 16 bytes that name the token, and 32 that open it.

use redis_contracts::{Timestamp, keys::Scope};
use service_kit::{Checker, Problem};
use uuid::Uuid;

use super::secret::{decode, encode, random};

/// What the text of a machine token begins with.
pub const PREFIX: &str = "dmp_";

/// How long a token is good unless something else is said.
const USUAL_DAYS: u64 = 90;

/// The last day a token can be given.
const FOR_EVER: &str = "9999-12-31";

/// A new token under this id: its text.
pub fn new_text(id: Uuid) -> Result<String, Problem> {
    let mut bytes = [0; 48];
    bytes[..16].copy_from_slice(id.as_bytes());
    bytes[16..].copy_from_slice(&random::<32>()?);
    Ok(format!("{PREFIX}{}", encode(&bytes)))
}

/// The id that a text names, when it has the form of a machine token.
pub fn id_of(text: &str) -> Option<Uuid> {
    let bytes: [u8; 48] = decode(text.strip_prefix(PREFIX)?)?;
    Uuid::from_slice(&bytes[..16]).ok()
}

/// What is asked for a new token.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What its person calls it.
    pub name: String,
    /// What it may do, each once.
    pub scopes: Vec<Scope>,
    /// The last day it is good, UTC; empty: for ever.
    pub expires_on: String,
    /// The moment after which it is not good any more.
    pub expires_at: Timestamp,
}

impl Wanted {
    /// Checks all fields; what is wrong is told at once. `expires_on` empty: for ever; none: as usual.
    pub fn check(
        name: &str,
        scopes: &[String],
        expires_on: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let usual = day_of(now.plus_seconds(USUAL_DAYS * 86_400));
        let expires_on = expires_on.unwrap_or(&usual);
        let mut checker = Checker::default();
        let name = checker.text("name", name.trim(), 1, 64);
        let mut known = Vec::new();
        for (index, scope) in scopes.iter().enumerate() {
            match Scope::from_name(scope) {
                Some(scope) if !known.contains(&scope) => known.push(scope),
                Some(_) => {}
                None => checker.refuse(format!("scopes[{index}]"), "read, write or admin"),
            }
        }
        if scopes.is_empty() {
            checker.refuse("scopes", "at least one of read, write and admin");
        }
        let expires_at = end_of(if expires_on.is_empty() {
            FOR_EVER
        } else {
            expires_on
        });
        if expires_at.is_none_or(|expires_at| expires_at <= now) {
            checker.refuse("expires_on", "a day to come, such as 2030-12-31, or null");
        }
        checker.finish()?;
        known.sort_unstable();
        Ok(Self {
            name,
            scopes: known,
            expires_on: expires_on.to_owned(),
            expires_at: expires_at.unwrap_or_default(),
        })
    }
}

/// The day of a moment, UTC.
fn day_of(moment: Timestamp) -> String {
    moment.to_string()[..FOR_EVER.len()].to_owned()
}

/// The end of a day, UTC.
fn end_of(day: &str) -> Option<Timestamp> {
    if day.len() != FOR_EVER.len() {
        return None;
    }
    format!("{day}T23:59:59.999Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_text_names_its_token() {
        let id = Uuid::now_v7();
        let text = new_text(id).expect("random bytes");
        assert_eq!(id_of(&text), Some(id));
        assert_ne!(new_text(id).expect("random bytes"), text);
        for bad in ["", "dmp_", "dmr_AAAA", &text[1..], &text[..text.len() - 1]] {
            assert_eq!(id_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn it_is_good_for_ninety_days_unless_something_else_is_said() {
        let now: Timestamp = "2026-01-31T12:00:00.000Z".parse().expect("a time");
        let usual = Wanted::check("ci", &scopes(&["read"]), None, now).expect("good");
        assert_eq!(usual.expires_on, "2026-05-01");
        assert_eq!(usual.expires_at.to_string(), "2026-05-01T23:59:59.999Z");
    }

    #[test]
    fn what_is_wanted_is_checked() {
        let now: Timestamp = "2026-01-31T12:00:00.000Z".parse().expect("a moment");
        let asked = Wanted::check(
            " ci ",
            &scopes(&["write", "read", "read"]),
            Some("2026-01-31"),
            now,
        );
        let wanted = asked.expect("good");
        assert_eq!(wanted.name, "ci");
        assert_eq!(wanted.scopes, [Scope::Read, Scope::Write]);
        assert_eq!(wanted.expires_at.to_string(), "2026-01-31T23:59:59.999Z");
        let ever = Wanted::check("ci", &scopes(&["admin"]), Some(""), now).expect("good");
        assert_eq!(ever.expires_at.to_string(), "9999-12-31T23:59:59.999Z");
        for (name, asked, day, field) in [
            ("", &["read"][..], "", "name"),
            ("x\0", &["read"], "", "name"),
            ("x", &[], "", "scopes"),
            ("x", &["root"], "", "scopes[0]"),
            ("x", &["read"], "2026-01-30", "expires_on"),
            ("x", &["read"], "2026-02-30", "expires_on"),
            ("x", &["read"], "tomorrow", "expires_on"),
        ] {
            let problem = Wanted::check(name, &scopes(asked), Some(day), now).expect_err("refused");
            assert_eq!(problem.errors[0].field, field);
        }
    }
}
