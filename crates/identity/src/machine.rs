//! Machine tokens: `dmp_` and base64url of 16 bytes that name the token, and 32 that open it. Only
//! SHA-256 of the whole text is kept anywhere.

use aws_lc_rs::constant_time;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use redis_contracts::keys::MachineAccess;
use service_kit::{Code, Problem};
use uuid::Uuid;

use super::token::{Fingerprint, fingerprint};

/// What the text of a machine token begins with.
pub const MACHINE_TOKEN_PREFIX: &str = "dmp_";

const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;

/// A text that has the form of a machine token. Whether it is one is not said by it.
#[derive(Clone, Copy)]
pub struct MachineToken {
    id: Uuid,
    sha256: Fingerprint,
}

impl MachineToken {
    /// Reads a text; `None` when it does not have the form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; ID_BYTES + SECRET_BYTES];
        let encoded = text.strip_prefix(MACHINE_TOKEN_PREFIX)?;
        let length = BASE64URL.decode_slice(encoded, &mut bytes).ok()?;
        let id = bytes.get(..ID_BYTES).filter(|_| length == bytes.len())?;
        Some(Self {
            id: Uuid::from_slice(id).ok()?,
            sha256: fingerprint(text),
        })
    }

    /// The token's id.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// SHA-256 of the text.
    pub const fn sha256(&self) -> &Fingerprint {
        &self.sha256
    }

    /// Whether the text is the one that was given out. Takes as long whatever differs.
    pub fn opens(&self, access: &MachineAccess) -> bool {
        let held = unhex(&access.sha256);
        held.is_some_and(|held| constant_time::verify_slices_are_equal(&held, &self.sha256).is_ok())
    }

    /// What is said of one that is not good, whatever the reason: nobody learns which tokens there are.
    pub fn refused() -> Problem {
        Problem::new(
            Code::Unauthenticated,
            "The machine token is not valid: it was never given out, was revoked or has expired.",
        )
    }
}

/// 32 bytes of hexadecimal.
fn unhex(text: &str) -> Option<Fingerprint> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Fingerprint::default();
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let value = digit(pair[0])? * 16 + digit(pair[1])?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use redis_contracts::keys::Scope;

    use super::*;

    fn text(id: Uuid, secret: [u8; 32]) -> String {
        let bytes = [id.as_bytes().as_slice(), &secret].concat();
        format!("{MACHINE_TOKEN_PREFIX}{}", BASE64URL.encode(bytes))
    }

    fn access(text: &str) -> MachineAccess {
        let hex = fingerprint(text).map(|byte| format!("{byte:02x}")).concat();
        MachineAccess {
            sha256: hex,
            scopes: vec![Scope::Read],
        }
    }

    #[test]
    fn a_token_opens_what_was_made_for_its_text_alone() {
        let id = Uuid::now_v7();
        let (own, other) = (text(id, [1; 32]), text(id, [2; 32]));
        let token = MachineToken::parse(&own).expect("a token");
        assert_eq!(token.id(), id);
        assert!(token.opens(&access(&own)));
        assert!(!token.opens(&access(&other)));
        for junk in ["", "00", &access(&own).sha256[1..], &"zz".repeat(32)] {
            let access = MachineAccess {
                sha256: junk.to_owned(),
                scopes: Vec::new(),
            };
            assert!(!token.opens(&access), "{junk}");
        }
    }

    #[test]
    fn what_is_not_of_its_form_is_none() {
        let own = text(Uuid::now_v7(), [7; 32]);
        let longer = format!("{own}AAAA");
        for junk in [
            "",
            "dmp_",
            "dmp_x",
            &own[1..],
            &own[..own.len() - 1],
            &longer,
            &own.replace("dmp_", "dmr_"),
            &format!("{own}="),
        ] {
            assert!(MachineToken::parse(junk).is_none(), "{junk}");
        }
    }
}
