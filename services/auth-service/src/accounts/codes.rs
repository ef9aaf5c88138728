//! Codes of second factors: checked against secrets that are sealed at rest, and taken.

use redis_contracts::{Timestamp, event::EventBody};
use service_kit::Problem;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Origin, Parts};
use crate::{
    second_factor,
    store::{Account, Change, Happened},
};

/// What stands in for the second factor.
pub enum Proof {
    /// A code of the app.
    Code {
        /// The time step it is of.
        step: i64,
    },
    /// A recovery code.
    RecoveryCode {
        /// How it is known.
        sha256: [u8; 32],
    },
}

impl Proof {
    /// Takes it; `false` when it is wrong or was taken before.
    pub async fn take(
        self,
        change: &mut Change,
        account: &Account,
        origin: &Origin,
    ) -> Result<bool, Problem> {
        let user_id = account.user.id;
        match self {
            Self::Code { step } => change.take_totp_step(user_id, step).await,
            Self::RecoveryCode { sha256 } => {
                let taken = change.take_recovery_code(user_id, &sha256).await?;
                if taken {
                    let used = Happened::to(user_id, EventBody::RecoveryCodeUsed);
                    change.record(&origin.who(None), used);
                }
                Ok(taken)
            }
        }
    }
}

/// The codes that the secrets of accounts allow.
pub struct Codes {
    seal_key: [u8; 32],
}

impl Codes {
    /// Of these parts.
    pub const fn of(parts: &Parts) -> Self {
        Self {
            seal_key: parts.seal_key,
        }
    }

    /// Whether a code is one of the account's second factor. It is not taken yet.
    pub fn proof(&self, account: &Account, code: &str) -> Result<Option<Proof>, Problem> {
        let Some(sealed) = &account.totp_secret else {
            return Ok(None);
        };
        let secret = self.open(account.user.id, sealed)?;
        let last = Some(account.totp_step).filter(|step| *step > 0);
        if let Some(step) = second_factor::check(&secret, code, Timestamp::now(), last) {
            return Ok(Some(Proof::Code { step }));
        }
        let recovery = second_factor::recovery_hash(code);
        Ok(recovery.map(|sha256| Proof::RecoveryCode { sha256 }))
    }

    /// Takes a code of the account's second factor; `false` when it is wrong or was taken before.
    pub async fn take(
        &self,
        change: &mut Change,
        account: &Account,
        code: &str,
        origin: &Origin,
    ) -> Result<bool, Problem> {
        match self.proof(account, code)? {
            Some(proof) => proof.take(change, account, origin).await,
            None => Ok(false),
        }
    }

    /// A secret of an account as it may be stored.
    pub fn seal(&self, user_id: Uuid, secret: &[u8]) -> Result<Vec<u8>, Problem> {
        second_factor::seal(&self.seal_key, secret, user_id.as_bytes()).map_err(Problem::internal)
    }

    /// The secret that was sealed for an account.
    pub fn open(&self, user_id: Uuid, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Problem> {
        second_factor::open(&self.seal_key, sealed, user_id.as_bytes()).map_err(Problem::internal)
    }
}
