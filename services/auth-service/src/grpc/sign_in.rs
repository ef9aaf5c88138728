//! Signing in: the password, and the second step where there is one.
//!
//! Known and unknown addresses are answered the same after the same work: one look into SQL, one
//! round trip for lock and limits, one Argon2id, and for what is wrong one commit.

use rate_limits::{Asked, Verdict, policy::AUTH_UNKNOWN};
use redis_contracts::{Timestamp, event::EventBody};
use rpc::auth as api;
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Code, Problem};
use tonic::Response;

use super::{Accounts, session_message};
use crate::{
    accounts::{Knows, Origin, Place, UNKNOWN},
    copies::Copied,
    domain::{
        account::{is_password, looked_up_email},
        lifetime::expires_at,
        refresh::RefreshToken,
        secret::{new_secret, sha256},
    },
    passwords::{Line, failure_hash},
    second_factor,
    store::{
        Account, Change, FailedSignIn, Happened, MailKind, NewSession, SessionRow, SignInAccount,
    },
};

/// Open sessions of a person at most; the oldest end.
const MOST_SESSIONS: i64 = 500;

/// Seconds in which the second step has to be taken.
const CHALLENGE_S: u32 = 300;

/// A sign-in that was let in.
pub(super) struct Admitted {
    pub(super) verdict: Verdict,
    /// What is given back once it has succeeded.
    pub(super) lent: Vec<Asked>,
}

impl Admitted {
    /// What is lent, as it is kept until the second step; [`Place::stored_as`] reads it.
    fn as_stored(&self, origin: &Origin) -> String {
        match self.lent.as_slice() {
            [] => String::new(),
            [_] => UNKNOWN.to_owned(),
            _ => origin.network(),
        }
    }
}

/// A sign-in that failed.
struct Failed<'a> {
    account: Option<&'a Account>,
    /// Whether this one locked.
    locked: bool,
    /// Whether a device that the account does not know gave the right password, and a wrong code.
    knew_password: bool,
}

/// What stood in for the second factor.
enum Proof {
    Code { step: i64 },
    RecoveryCode { sha256: [u8; 32] },
}

impl Accounts {
    pub(super) async fn sign_in(
        &self,
        origin: Origin,
        asked: api::LoginRequest,
    ) -> Result<Response<api::LoginResponse>, Problem> {
        let email = looked_up_email(&asked.email).unwrap_or_default();
        let found = self
            .store
            .sign_in_account(&email, &origin.device_sha256())
            .await?;
        let place = place_of(&origin, &email, found.as_ref());
        let account = found.map(|found| found.account);
        let password = SecretString::from(asked.password);
        if !is_password(password.expose_secret()) {
            return Err(self.no_password(&origin, &place, account.as_ref()).await);
        }
        let admitted = self.admit(&origin, &place).await?;
        let verdict = &admitted.verdict;
        let outcome = self.first_step(account, &place, &origin, password, &admitted);
        let outcome = outcome
            .await
            .map_err(|problem| problem.with_limits(verdict.headers()))?;
        Ok(limited(
            verdict,
            api::LoginResponse {
                outcome: Some(outcome),
            },
        ))
    }

    /// With a second factor, what was lent is given back after the second step.
    async fn first_step(
        &self,
        account: Option<Account>,
        place: &Place,
        origin: &Origin,
        password: SecretString,
        admitted: &Admitted,
    ) -> Result<api::login_response::Outcome, Problem> {
        let account = self.verified(account, place, origin, password).await?;
        if account.totp_secret.is_some() {
            let lent = admitted.as_stored(origin);
            let challenge = self.ask_second_step(&account, &lent).await?;
            return Ok(api::login_response::Outcome::SecondFactor(challenge));
        }
        let signed_in = self.begin_session(&account, place, origin, None).await?;
        self.limiter.give_back(&admitted.lent).await;
        Ok(api::login_response::Outcome::SignedIn(signed_in))
    }

    /// What no account can have as a password, whoever is asked for: it takes nothing from the limits of
    /// the account, so that it keeps nobody out.
    pub(super) async fn no_password(
        &self,
        origin: &Origin,
        place: &Place,
        account: Option<&Account>,
    ) -> Problem {
        let asked = origin.address_limits();
        let verdict = self.limiter.admit(Some(&place.lock), &asked, 1).await;
        if let Some(refusal) = verdict.refusal() {
            return refusal;
        }
        let failed = Failed {
            account,
            locked: false,
            knew_password: false,
        };
        let recorded = self.record_failure(place, origin, failed).await;
        let problem = recorded.err().unwrap_or_else(refused);
        problem.with_limits(verdict.headers())
    }

    pub(super) async fn second_step(
        &self,
        origin: Origin,
        asked: api::CompleteSecondFactorRequest,
    ) -> Result<Response<api::CompleteSecondFactorResponse>, Problem> {
        let challenge = sha256(asked.challenge.as_bytes());
        let account = match self.store.challenged(&challenge).await? {
            Some(user_id) => self.store.account(user_id).await?,
            None => None,
        };
        let Some(account) = account else {
            // Nobody can guess a challenge; trying is limited all the same.
            self.admit_all(&origin.address_limits()).await?;
            return Err(begin_anew());
        };
        let email = account.user.email.clone();
        let found = self
            .store
            .sign_in_account(&email, &origin.device_sha256())
            .await?;
        let place = place_of(&origin, &email, found.as_ref());
        let limits = origin.code_limits(&place);
        let verdict = self.limiter.admit(Some(&place.lock), &limits, 1).await;
        if let Some(refusal) = verdict.refusal() {
            return Err(refusal);
        }
        let told = |problem: Problem| problem.with_limits(verdict.headers());
        let Some(lent) = self.store.try_challenge(&challenge).await? else {
            return Err(told(begin_anew()));
        };
        let Some(proof) = self.proof(&account, &asked.code)? else {
            let code = asked.code.into();
            return Err(told(
                self.failed_code(&place, &origin, &account, code).await,
            ));
        };
        let second = Some((challenge, proof, asked.code.into()));
        let signed_in = self.begin_session(&account, &place, &origin, second).await;
        let signed_in = signed_in.map_err(told)?;
        // Both steps did what they were let in for.
        let mut lent = place.stored_as(&lent);
        lent.extend(place.code_limit());
        self.limiter.give_back(&lent).await;
        Ok(limited(
            &verdict,
            api::CompleteSecondFactorResponse {
                signed_in: Some(signed_in),
            },
        ))
    }

    /// Refuses when a lock stands or a limit is used up: a lock first. Once strangers have used up what
    /// unknown devices may do, each network has a permit of its own.
    pub(super) async fn admit(&self, origin: &Origin, place: &Place) -> Result<Admitted, Problem> {
        let lock = Some(&place.lock);
        let verdict = self
            .limiter
            .admit(lock, &origin.sign_in_limits(place), 1)
            .await;
        let Some(refusal) = verdict.refusal() else {
            let lent = place.unknown_limit().into_iter().collect();
            return Ok(Admitted { verdict, lent });
        };
        if !verdict.refuses_only(AUTH_UNKNOWN) {
            return Err(refusal);
        }
        let lent = place.spare_limits(&origin.network());
        let mut spare = origin.account_limits(place);
        spare.extend(lent.clone());
        let verdict = self.limiter.admit(lock, &spare, 1).await;
        match verdict.is_admitted() {
            true => Ok(Admitted { verdict, lent }),
            false => Err(refusal),
        }
    }

    /// The account, when this is its password: one Argon2id, whether there is an account or not.
    pub(super) async fn verified(
        &self,
        account: Option<Account>,
        place: &Place,
        origin: &Origin,
        password: SecretString,
    ) -> Result<Account, Problem> {
        // No account has such a password; hashing megabytes would be work for nothing.
        if !is_password(password.expose_secret()) {
            return Err(refused());
        }
        let held = account.as_ref().and_then(Account::password);
        let line = origin.line(place.is_known);
        let verified = self
            .passwords
            .verify(password.clone(), held.map(str::to_owned), line);
        let verified = verified.await?;
        let Some(account) = account.as_ref().filter(|_| verified.matches) else {
            return Err(self.failed(place, origin, account.as_ref(), password).await);
        };
        // Guesses that came at once were all let in; a lock that one of them made holds for the others.
        if let Some(locked) = self
            .limiter
            .admit(Some(&place.lock), &[], 0)
            .await
            .refusal()
        {
            return Err(locked);
        }
        if verified.outdated {
            let line = origin.line(place.is_known);
            return self.rehashed(account, password, line).await;
        }
        Ok(account.clone())
    }

    /// The account with its password hashed anew, by this sign-in or by another that was faster.
    async fn rehashed(
        &self,
        account: &Account,
        password: SecretString,
        line: Line,
    ) -> Result<Account, Problem> {
        let hash = self.passwords.hash(password.clone(), line.clone()).await?;
        let user_id = account.user.id;
        let held = &account.password_hash;
        if self.store.rehash(user_id, held, &hash).await? {
            return Ok(Account {
                password_hash: hash,
                ..account.clone()
            });
        }
        let now = self.store.account(user_id).await?.ok_or_else(refused)?;
        let hash = Some(now.password_hash.clone());
        match self.passwords.verify(password, hash, line).await?.matches {
            true => Ok(now),
            false => Err(changed_meanwhile()),
        }
    }

    /// Counts a wrong password, and records it; answers the refusal.
    pub(super) async fn failed(
        &self,
        place: &Place,
        origin: &Origin,
        account: Option<&Account>,
        given: SecretString,
    ) -> Problem {
        let failed = Failed {
            account,
            locked: self.count_failure(place, &given).await,
            knew_password: false,
        };
        let recorded = self.record_failure(place, origin, failed).await;
        recorded.err().unwrap_or_else(refused)
    }

    /// As [`Self::failed`], of a wrong code that came with the right password.
    pub(super) async fn failed_code(
        &self,
        place: &Place,
        origin: &Origin,
        account: &Account,
        code: SecretString,
    ) -> Problem {
        let failed = Failed {
            account: Some(account),
            locked: self.count_failure(place, &code).await,
            knew_password: place.is_suspect(),
        };
        let recorded = self.record_failure(place, origin, failed).await;
        recorded.err().unwrap_or_else(refused)
    }

    /// Whether this one locked.
    async fn count_failure(&self, place: &Place, given: &SecretString) -> bool {
        let hash = failure_hash(&self.failures_key, &place.lock.account, given);
        self.limiter.record_failure(&place.lock, &hash).await
    }

    async fn record_failure(
        &self,
        place: &Place,
        origin: &Origin,
        failed: Failed<'_>,
    ) -> Result<(), Problem> {
        let who = origin.who(None);
        let user_id = failed.account.map(|account| account.user.id);
        let mut change = self.store.change().await?;
        let counted = FailedSignIn {
            account: place.lock.account.as_bytes(),
            network: &origin.network(),
            user_id,
        };
        change.count_failure(&counted, &who).await?;
        if failed.locked {
            let locked = Happened {
                body: EventBody::AccountLocked,
                user_id,
                detail: None,
            };
            change.record(&who, locked);
        }
        if let Some(account) = failed.account.filter(|_| failed.knew_password)
            && change.note_password_known(account.user.id).await?
        {
            let failed = Happened::to(account.user.id, EventBody::SecondStepFailed);
            change.record(&who, failed);
            let letter = MailKind::PasswordKnown;
            change
                .send_mail(letter, &account.user.email, None, "")
                .await?;
            self.mail_waits.notify_one();
        }
        change.commit().await
    }

    async fn ask_second_step(
        &self,
        account: &Account,
        lent: &str,
    ) -> Result<api::Challenge, Problem> {
        let challenge = new_secret()?;
        let expires_at = Timestamp::now().plus_seconds(CHALLENGE_S.into());
        self.store
            .challenge(
                account.user.id,
                &sha256(challenge.as_bytes()),
                expires_at,
                lent,
            )
            .await?;
        Ok(api::Challenge {
            challenge,
            expires_in: CHALLENGE_S,
        })
    }

    /// Whether a code is one of the account's second factor. It is not taken yet.
    fn proof(&self, account: &Account, code: &str) -> Result<Option<Proof>, Problem> {
        let Some(sealed) = &account.totp_secret else {
            return Ok(None);
        };
        let secret = second_factor::open(&self.seal_key, sealed, account.user.id.as_bytes())
            .map_err(Problem::internal)?;
        let last = Some(account.totp_step).filter(|step| *step > 0);
        if let Some(step) = second_factor::check(&secret, code, Timestamp::now(), last) {
            return Ok(Some(Proof::Code { step }));
        }
        let recovery = second_factor::recovery_hash(code);
        Ok(recovery.map(|sha256| Proof::RecoveryCode { sha256 }))
    }

    /// Takes a code of the account's second factor; `false` when it is wrong or was taken before.
    pub(super) async fn take_code(
        &self,
        change: &mut Change,
        account: &Account,
        code: &str,
        origin: &Origin,
    ) -> Result<bool, Problem> {
        match self.proof(account, code)? {
            Some(proof) => take(change, account, proof, origin).await,
            None => Ok(false),
        }
    }

    /// Begins a session, and knows the device from now on.
    async fn begin_session(
        &self,
        account: &Account,
        place: &Place,
        origin: &Origin,
        second: Option<([u8; 32], Proof, SecretString)>,
    ) -> Result<api::SignedIn, Problem> {
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        // Checking a password takes long enough for all of this to change.
        let held = change.hold_account(account.user.id).await?;
        let Some(held) = held.filter(|held| {
            held.password_hash == account.password_hash
                && held.totp_secret == account.totp_secret
                && (held.totp_secret.is_none() || second.is_some())
        }) else {
            telling.nothing();
            return Err(changed_meanwhile());
        };
        let passes = second.is_some();
        if let Some((challenge, proof, code)) = second {
            // Sent twice, it is no wrong code.
            if !change.take_challenge(&challenge).await? {
                telling.nothing();
                return Err(begin_anew());
            }
            if !take(&mut change, account, proof, origin).await? {
                drop(change);
                telling.nothing();
                return Err(self.failed_code(place, origin, account, code).await);
            }
        }
        let device = change
            .know(account.user.id, origin.device.as_deref(), passes)
            .await?;
        let token = RefreshToken::new()?;
        let new = NewSession {
            user: held.user,
            agent: origin.agent.clone(),
            address: origin.address(),
            expires_at: expires_at(self.session, change.now, change.now),
        };
        let row = change.create_session(new, &token).await?;
        let others_end = change.end_oldest(account.user.id, MOST_SESSIONS).await?;
        let who = origin.who(Some(row.id));
        change.record(&who, Happened::to(account.user.id, EventBody::SignedIn));
        change.commit().await?;
        if others_end {
            self.copies.tell_later();
        }
        let copied = [Copied::Session(&row)];
        tokio::join!(
            telling.tell(&copied),
            self.limiter.forget_failures(&place.lock),
        );
        tracing::info!(user.id = %row.user.id, session.id = %row.id, "signed in");
        self.signed_in(row, &token, device)
    }

    /// What a sign-in or a refresh gives.
    pub(super) fn signed_in(
        &self,
        row: SessionRow,
        token: &RefreshToken,
        device: String,
    ) -> Result<api::SignedIn, Problem> {
        let access = self.tokens.issue(&row)?;
        Ok(api::SignedIn {
            access_token: access.text,
            expires_in: u32::try_from(access.expires_in_s).unwrap_or(u32::MAX),
            refresh_token: token.text(),
            session: Some(session_message(row)),
            device,
        })
    }
}

async fn take(
    change: &mut Change,
    account: &Account,
    proof: Proof,
    origin: &Origin,
) -> Result<bool, Problem> {
    let user_id = account.user.id;
    match proof {
        Proof::Code { step } => change.take_totp_step(user_id, step).await,
        Proof::RecoveryCode { sha256 } => {
            let taken = change.take_recovery_code(user_id, &sha256).await?;
            if taken {
                let used = Happened::to(user_id, EventBody::RecoveryCodeUsed);
                change.record(&origin.who(None), used);
            }
            Ok(taken)
        }
    }
}

fn place_of(origin: &Origin, email: &str, found: Option<&SignInAccount>) -> Place {
    let knows = found.map_or_else(Knows::default, Knows::of);
    let unlocked_at = found.map_or_else(Timestamp::default, |found| found.account.unlocked_at);
    origin.place(email, knows, unlocked_at)
}

/// An answer that tells how the limits stand.
pub(super) fn limited<T>(verdict: &Verdict, message: T) -> Response<T> {
    let mut response = Response::new(message);
    if let Some(told) = verdict.headers() {
        told.write_to(response.metadata_mut());
    }
    response
}

/// The password was right when it was looked at.
pub(super) fn changed_meanwhile() -> Problem {
    Problem::new(
        Code::Unavailable,
        "The password was changed meanwhile; try again.",
    )
}

fn begin_anew() -> Problem {
    Problem::new(
        Code::InvalidCredentials,
        "The sign-in has to begin anew: its first step was too long ago, or too many codes were wrong.",
    )
}

/// The same words for whatever was wrong.
pub(super) fn refused() -> Problem {
    Problem::new(
        Code::InvalidCredentials,
        "Address, password or code is wrong.",
    )
}
