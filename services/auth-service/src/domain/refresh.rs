//! Refresh tokens and their families: rotated on each use, with successors that are derived and not
//! stored.
//!
//! A token is `dmr_` and base64url of 16 bytes that all tokens of a family share, and 32 that are its
//! own. The successor's own bytes are HMAC-SHA256 of a random salt, keyed with the token that was
//! presented: whoever holds that token, and nobody else, can be told the same successor again while
//! the salt is kept. So parallel tabs and lost answers agree on one successor, and a copy of SQL is
//! worth nothing. A token with the right first half that is neither the newest nor used of late was
//! issued long ago, and is being used again: it was stolen, or its successor was.

use std::fmt;

use aws_lc_rs::hmac;
use redis_contracts::Timestamp;
use serde::{Deserialize, Serialize};
use service_kit::Problem;

use super::secret::{as_hex, decode, encode, random, sha256};

/// For so long a token that was used is answered with the same successor, whatever became of that.
const GRACE_MS: i64 = 10_000;

/// Used tokens whose successors can be told again at most; of a family that is rotated more often within
/// the grace, the latest.
const MOST_USED: usize = 16;

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

/// A token that was used, while its successor can be told again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    #[serde(with = "as_hex")]
    sha256: [u8; 32],
    #[serde(with = "as_hex")]
    salt: [u8; 16],
    at_ms: i64,
}

/// What is kept of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// SHA-256 of the newest token, which was not used yet.
    pub newest: [u8; 32],
    /// Those before it, the latest last.
    used: Vec<Used>,
}

/// What presenting a token leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Presented {
    /// This successor, and the family as it is from now on.
    Rotated(RefreshToken, Family),
    /// The same successor as before; nothing changes.
    Again(RefreshToken),
    /// Nothing: the family is rotated so often that nobody can tell what this token is.
    TooOften,
    /// The end of the family.
    Stolen,
}

impl Family {
    /// A family as it is stored.
    pub fn stored(newest: &[u8], used_json: &str) -> Result<Self, String> {
        Ok(Self {
            newest: newest
                .try_into()
                .map_err(|_| "a token's hash has a wrong length".to_owned())?,
            used: serde_json::from_str(used_json).map_err(|error| error.to_string())?,
        })
    }

    /// The used tokens as they are stored.
    pub fn used_json(&self) -> String {
        // Texts and numbers can always be written.
        serde_json::to_string(&self.used).unwrap_or_default()
    }

    /// Presents a token of this family. `salt` is random, for a successor that is needed.
    pub fn present(&self, token: &RefreshToken, salt: [u8; 16], now: Timestamp) -> Presented {
        let sha256 = token.sha256();
        if sha256 == self.newest {
            return self.rotate(token, salt, now);
        }
        let Some(at) = self.used.iter().position(|used| used.sha256 == sha256) else {
            let some_were_dropped = self.used.len() == MOST_USED && self.used[0].is_fresh(now);
            return match some_were_dropped {
                true => Presented::TooOften,
                false => Presented::Stolen,
            };
        };
        let used = &self.used[at];
        let successor_is_unused = at + 1 == self.used.len();
        if successor_is_unused || used.is_fresh(now) {
            Presented::Again(token.successor(&used.salt))
        } else {
            Presented::Stolen
        }
    }

    fn rotate(&self, token: &RefreshToken, salt: [u8; 16], now: Timestamp) -> Presented {
        let fresh = self.used.iter().filter(|used| used.is_fresh(now));
        let mut used: Vec<_> = fresh.cloned().collect();
        if used.len() == MOST_USED {
            used.remove(0);
        }
        used.push(Used {
            sha256: token.sha256(),
            salt,
            at_ms: now.unix_ms(),
        });
        let successor = token.successor(&salt);
        let family = Self {
            newest: successor.sha256(),
            used,
        };
        Presented::Rotated(successor, family)
    }
}

impl Used {
    /// A clock that went back makes nothing older.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.unix_ms() - self.at_ms < GRACE_MS
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// A family whose first token was not used yet.
    fn beginning(token: &RefreshToken) -> Family {
        Family {
            newest: token.sha256(),
            used: Vec::new(),
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_700_000_000_000 + ms)
    }

    #[test]
    fn a_token_is_its_text_and_shows_nothing_else() {
        let token = RefreshToken::new().expect("random bytes");
        assert_eq!(RefreshToken::parse(&token.text()), Some(token.clone()));
        assert_eq!(format!("{token:?}"), "RefreshToken");
        for bad in [
            "",
            "dmr_",
            "dmr_AAAA",
            &token.text()[4..],
            &format!("{}A", token.text()),
        ] {
            assert_eq!(RefreshToken::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_stored_family_comes_back() {
        let token = RefreshToken::new().expect("random bytes");
        let family = beginning(&token);
        let Presented::Rotated(_, family) = family.present(&token, [7; 16], at(0)) else {
            panic!("the first use rotates");
        };
        assert_eq!(
            Family::stored(&family.newest, &family.used_json()),
            Ok(family)
        );
        assert!(Family::stored(&[1, 2], "[]").is_err());
    }

    #[test]
    fn a_family_rotated_without_end_keeps_little_and_calls_nobody_a_thief() {
        let first = RefreshToken::new().expect("random bytes");
        let (mut token, mut family) = (first.clone(), beginning(&first));
        for turn in 0..10 * MOST_USED {
            let Presented::Rotated(next, moved) = family.present(&token, [turn as u8; 16], at(0))
            else {
                panic!("turn {turn}");
            };
            (token, family) = (next, moved);
        }
        assert_eq!(family.used.len(), MOST_USED);
        assert_eq!(family.present(&first, [9; 16], at(1)), Presented::TooOften);
        let later = family.present(&first, [9; 16], at(GRACE_MS));
        assert_eq!(later, Presented::Stolen);
    }

    /// Somebody who holds tokens of a family and presents one of them.
    #[derive(Clone, Debug)]
    struct Move {
        who: usize,
        /// Which of the tokens they hold, counted back from the newest.
        back: usize,
        /// Whether the answer reaches them.
        heard: bool,
        wait_ms: i64,
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = (
            0usize..3,
            0usize..4,
            any::<bool>(),
            prop_oneof![0i64..200, 9_000i64..20_000],
        );
        let one = one.prop_map(|(who, back, heard, wait_ms)| Move {
            who,
            back,
            heard,
            wait_ms,
        });
        prop::collection::vec(one, 1..60)
    }

    proptest! {
        /// Two tabs share what they hold, as a browser's cookie; a thief has a copy of it. Whatever
        /// the interleaving: a token has one successor for ever, the same within the grace and while
        /// that is unused, and later use ends the family.
        #[test]
        fn two_tabs_and_a_thief(moves in moves(), copied_after in 0usize..20) {
            let first = RefreshToken::new().expect("random bytes");
            let mut family = beginning(&first);
            let mut held = [vec![first.clone()], vec![]];
            let mut successors: HashMap<String, RefreshToken> = HashMap::new();
            let mut used_at: HashMap<String, i64> = HashMap::new();
            let mut now_ms = 0;
            for (turn, step) in moves.into_iter().enumerate() {
                now_ms += step.wait_ms;
                if turn == copied_after {
                    held[1] = held[0].clone();
                }
                let purse = usize::from(step.who == 2);
                let Some(at_index) = held[purse].len().checked_sub(1 + step.back.min(held[purse].len().saturating_sub(1))) else { continue };
                let Some(token) = held[purse].get(at_index).cloned() else { continue };
                let text = token.text();
                let successor_used = successors.get(&text).is_some_and(|next| used_at.contains_key(&next.text()));
                let within_grace = used_at.get(&text).is_none_or(|at_ms| now_ms - at_ms < GRACE_MS);
                let presented = family.present(&token, [turn as u8; 16], at(now_ms));
                let next = match presented {
                    Presented::Rotated(next, moved) => {
                        prop_assert!(!used_at.contains_key(&text), "only the newest rotates");
                        family = moved;
                        used_at.insert(text.clone(), now_ms);
                        next
                    }
                    Presented::Again(next) => {
                        prop_assert!(within_grace || !successor_used, "later it is theft");
                        next
                    }
                    Presented::TooOften => continue,
                    Presented::Stolen => {
                        prop_assert!(!within_grace && successor_used, "nobody is signed out for being quick");
                        return Ok(());
                    }
                };
                if let Some(before) = successors.insert(text, next.clone()) {
                    prop_assert_eq!(before, next.clone(), "the same token, the same successor");
                }
                if step.heard && !held[purse].contains(&next) {
                    held[purse].push(next);
                }
            }
        }
    }
}
