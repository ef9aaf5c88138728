//! Refresh tokens and their families: rotated on each use, with successors that are derived and not
//! stored.
//!
//! A token is `dmr_` and base64url of 16 bytes that all tokens of a family share, and 32 that are its
//! own. The successor's own bytes are HMAC-SHA256 of a random salt, keyed with the token that was
//! presented: whoever holds that token, and nobody else, can be given the same successor again while
//! the salt is kept. So parallel tabs and lost answers agree on one successor, and a copy of SQL is
//! worth nothing.
//!
//! Once [`GRACE_MS`] is over, a token gets *another* successor, beside those it has, for as long as none
//! of them was used. Whose answers were lost goes on; a thief who is one step behind holds another
//! token than its owner from then on. The first successor that is used counts. Any other of them, and
//! any token that was overtaken longer ago, is in two hands, and ends the family.

use std::fmt;

use aws_lc_rs::hmac;
use redis_contracts::Timestamp;
use serde::{Deserialize, Serialize};
use service_kit::Problem;

use super::secret::{as_hex, decode, encode, random, sha256};

/// For so long after a successor was made, its token gets the same one.
const GRACE_MS: i64 = 10_000;

/// Unused successors of one token at most; the oldest is dropped, and counts as overtaken.
const MOST_OPEN: usize = 16;

/// Overtaken tokens that can be answered within the grace; of a family that is rotated more often, the
/// latest.
const MOST_OVERTAKEN: usize = 16;

const PREFIX: &str = "dmr_";
const FAMILY_BYTES: usize = 16;
const TOKEN_BYTES: usize = FAMILY_BYTES + 32;

/// A refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken([u8; TOKEN_BYTES]);

/// Tokens are secrets.
impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken")
    }
}

impl RefreshToken {
    /// The first token of a new family.
    pub fn new() -> Result<Self, Problem> {
        Ok(Self(random()?))
    }

    /// The token of this text.
    pub fn parse(text: &str) -> Option<Self> {
        decode(text.strip_prefix(PREFIX)?).map(Self)
    }

    /// As its person holds it.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", encode(&self.0))
    }

    /// How the token is known.
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.0)
    }

    /// How its family is known.
    pub fn family_sha256(&self) -> [u8; 32] {
        sha256(&self.0[..FAMILY_BYTES])
    }

    /// The token that follows this one under a salt.
    pub fn successor(&self, salt: &[u8; 16]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut bytes = self.0;
        bytes[FAMILY_BYTES..].copy_from_slice(hmac::sign(&key, salt).as_ref());
        Self(bytes)
    }
}

/// A successor that was made of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    /// SHA-256 of the token that it follows.
    #[serde(with = "as_hex")]
    sha256: [u8; 32],
    #[serde(with = "as_hex")]
    salt: [u8; 16],
    at_ms: i64,
    /// SHA-256 of the successor. Rows of earlier versions lack it, see [`Family::stored`].
    #[serde(with = "as_hex", default)]
    successor: [u8; 32],
}

impl Made {
    fn of(token: &RefreshToken, salt: [u8; 16], now: Timestamp) -> (Self, RefreshToken) {
        let successor = token.successor(&salt);
        let made = Self {
            sha256: token.sha256(),
            salt,
            at_ms: now.unix_ms(),
            successor: successor.sha256(),
        };
        (made, successor)
    }

    /// A clock that went back makes nothing older.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.unix_ms() - self.at_ms < GRACE_MS
    }
}

/// What is kept of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// SHA-256 of the token that was made last. Each change of a family makes one, so it names its state.
    pub newest: [u8; 32],
    /// Successors of the token that was used last, in the order they were made. None of them was used.
    open: Vec<Made>,
    /// Of each token used before that one, the successor that was used; the latest last.
    overtaken: Vec<Made>,
}

/// What presenting a token leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Presented {
    /// It was not used before: this successor, and the family as it is from now on.
    Rotated(RefreshToken, Family),
    /// The same successor as before; nothing changes.
    Again(RefreshToken),
    /// Its answer was lost, or somebody else has it too: this successor beside those it had, and the
    /// family as it is from now on.
    Beside(RefreshToken, Family),
    /// Nothing: the family is rotated so often that nobody can tell what this token is.
    TooOften,
    /// The end of the family: the token, or one made beside it, was used before.
    Stolen,
}

impl Family {
    /// A family as it is stored.
    pub fn stored(newest: &[u8], made_json: &str) -> Result<Self, String> {
        let newest = newest
            .try_into()
            .map_err(|_| "a token's hash has a wrong length".to_owned())?;
        let mut made: Vec<Made> =
            serde_json::from_str(made_json).map_err(|error| error.to_string())?;
        // Families of earlier versions are a chain: each successor is the next token.
        for at in 0..made.len() {
            if made[at].successor == [0; 32] {
                made[at].successor = made.get(at + 1).map_or(newest, |next| next.sha256);
            }
        }
        let used_last = made.last().map(|last| last.sha256);
        let (open, overtaken) = made
            .into_iter()
            .partition(|made| Some(made.sha256) == used_last);
        Ok(Self {
            newest,
            open,
            overtaken,
        })
    }

    /// The successors as they are stored.
    pub fn made_json(&self) -> String {
        let made: Vec<_> = self.overtaken.iter().chain(&self.open).collect();
        // Texts and numbers can always be written.
        serde_json::to_string(&made).unwrap_or_default()
    }

    /// Presents a token of this family. `salt` is random, for a successor that is needed.
    pub fn present(&self, token: &RefreshToken, salt: [u8; 16], now: Timestamp) -> Presented {
        let sha256 = token.sha256();
        if self.is_unused(&sha256) {
            return self.rotate(token, salt, now);
        }
        if let Some(last) = self.open.last().filter(|last| last.sha256 == sha256) {
            return match last.is_fresh(now) {
                true => Presented::Again(token.successor(&last.salt)),
                false => self.add_beside(token, salt, now),
            };
        }
        let overtaken = self.overtaken.iter().find(|made| made.sha256 == sha256);
        match overtaken {
            Some(made) if made.is_fresh(now) => Presented::Again(token.successor(&made.salt)),
            None if self.forgets_too_soon(now) => Presented::TooOften,
            _ => Presented::Stolen,
        }
    }

    fn is_unused(&self, sha256: &[u8; 32]) -> bool {
        match self.open.is_empty() {
            true => self.newest == *sha256,
            false => self.open.iter().any(|made| made.successor == *sha256),
        }
    }

    /// Whether a token that could still be answered may have been dropped.
    fn forgets_too_soon(&self, now: Timestamp) -> bool {
        self.overtaken.len() == MOST_OVERTAKEN && self.overtaken[0].is_fresh(now)
    }

    fn rotate(&self, token: &RefreshToken, salt: [u8; 16], now: Timestamp) -> Presented {
        let sha256 = token.sha256();
        let chosen = self.open.iter().find(|made| made.successor == sha256);
        let mut overtaken = self.overtaken.clone();
        overtaken.extend(chosen.cloned());
        overtaken.retain(|made| made.is_fresh(now));
        if overtaken.len() > MOST_OVERTAKEN {
            overtaken.remove(0);
        }
        let (made, successor) = Made::of(token, salt, now);
        let family = Self {
            newest: made.successor,
            open: vec![made],
            overtaken,
        };
        Presented::Rotated(successor, family)
    }

    fn add_beside(&self, token: &RefreshToken, salt: [u8; 16], now: Timestamp) -> Presented {
        let (made, successor) = Made::of(token, salt, now);
        let mut family = self.clone();
        family.newest = made.successor;
        family.open.push(made);
        if family.open.len() > MOST_OPEN {
            family.open.remove(0);
        }
        Presented::Beside(successor, family)
    }
}

#[cfg(test)]
mod tests;
