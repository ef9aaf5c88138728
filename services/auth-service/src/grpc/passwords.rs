//! Passwords: confirmed, changed, and set anew by mail.

use rate_limits::Asked;
use redis_contracts::{Timestamp, event::EventBody};
use rpc::auth as api;
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Code, Problem};
use tonic::Response;

use super::{Accounts, convert::limited, ended_message};
use crate::{
    accounts::{Admitted, Knows, LimitedAnswer, Origin, Place, changed_meanwhile},
    domain::{
        account::{checked_password, is_password, named_email},
        password_strength::known_words,
        secret::sha256,
    },
    store::{Account, Happened, MailKind, MailToken, Purpose, SessionRow},
    tokens::session_ended,
};

impl Accounts {
    /// The account of an address whose person gives their password, and where a lock may stand: wrong
    /// ones count as at sign-in.
    pub(super) async fn confirmed(
        &self,
        email: &str,
        session: Option<&SessionRow>,
        origin: &Origin,
        password: String,
    ) -> Result<(Account, Place), Problem> {
        let given = self.password_given(email, session, origin, password);
        let (account, place, lent) = given.await?;
        self.limiter.give_back(&lent).await;
        Ok((account, place))
    }

    /// As [`Self::confirmed`], with a code where there is a second factor: it counts as at sign-in, too.
    pub(super) async fn confirmed_twice(
        &self,
        session: &SessionRow,
        origin: &Origin,
        password: String,
        code: String,
    ) -> Result<Account, Problem> {
        let email = &session.user.email;
        let given = self.password_given(email, Some(session), origin, password);
        let (account, place, mut lent) = given.await?;
        if account.totp_secret.is_some() {
            if code.is_empty() {
                let expected = "the code of the second factor";
                return Err(Problem::invalid_field("code", expected));
            }
            let limit: Vec<_> = place.code_limit().into_iter().collect();
            self.admit_all(&limit).await?;
            self.code_given(&account, &place, origin, code).await?;
            lent.extend(limit);
        }
        tokio::join!(
            self.limiter.give_back(&lent),
            self.limiter.forget_failures(&place.lock),
        );
        Ok(account)
    }

    /// With what is given back once all that is asked for was given. Who has a session is no stranger, on
    /// whatever device: wrong passwords lock there alone.
    async fn password_given(
        &self,
        email: &str,
        session: Option<&SessionRow>,
        origin: &Origin,
        password: String,
    ) -> Result<(Account, Place, Vec<Asked>), Problem> {
        let found = self
            .store
            .sign_in_account(email, &origin.device_sha256())
            .await?
            .ok_or_else(session_ended)?;
        let unlocked_at = found.account.unlocked_at;
        let knows = Knows {
            session: session.map(|session| session.id),
            ..Knows::of(&found)
        };
        let place = origin.place(email, knows, unlocked_at);
        let password = SecretString::from(password);
        if !is_password(password.expose_secret()) {
            let account = Some(&found.account);
            return Err(self.failures.no_password(&place, origin, account).await);
        }
        let Admitted { lent, .. } = self.attempts.admit(origin, &place).await?;
        let account = self
            .attempts
            .verified(Some(found.account), &place, origin, password)
            .await?;
        Ok((account, place, lent))
    }

    async fn code_given(
        &self,
        account: &Account,
        place: &Place,
        origin: &Origin,
        code: String,
    ) -> Result<(), Problem> {
        let mut change = self.store.change().await?;
        if !self.codes.take(&mut change, account, &code, origin).await? {
            drop(change);
            let code = code.into();
            return Err(self
                .failures
                .wrong_code(place, origin, account, &code)
                .await);
        }
        change.commit().await
    }

    pub(super) async fn confirm_again(
        &self,
        session: &SessionRow,
        origin: &Origin,
        asked: api::ReauthenticateRequest,
    ) -> Result<(), Problem> {
        self.confirmed_twice(session, origin, asked.password, asked.code)
            .await?;
        self.store.authenticated(session.id, Timestamp::now()).await
    }

    pub(super) async fn new_password(
        &self,
        session: &SessionRow,
        origin: &Origin,
        asked: api::ChangePasswordRequest,
    ) -> Result<api::Ended, Problem> {
        checked_password("new_password", &asked.new_password)?;
        let email = &session.user.email;
        let (account, place) = self
            .confirmed(email, Some(session), origin, asked.current_password)
            .await?;
        let words = known_words(&account.user.email, &account.user.handle);
        let chosen = SecretString::from(asked.new_password);
        let hash = self
            .passwords
            .hash_chosen("new_password", chosen, words, origin.line(place.is_known))
            .await?;
        let telling = self.copies.telling();
        let user_id = account.user.id;
        let mut change = self.store.change().await?;
        let held = change.hold_account(user_id).await?;
        if held.is_none_or(|held| held.password_hash != account.password_hash) {
            telling.nothing();
            return Err(changed_meanwhile());
        }
        change.set_password(user_id, &hash).await?;
        let mut ended = change.end_sessions(user_id, Some(session.id)).await?;
        if !asked.keep_tokens {
            let revoked = change.revoke_machine_tokens(user_id, None).await?;
            ended.extend(revoked.into_iter().map(|(id, _)| id));
        }
        change
            .drop_mail_tokens(Purpose::PasswordReset, user_id)
            .await?;
        change
            .send_mail(MailKind::PasswordChanged, &account.user.email, None, "")
            .await?;
        let who = origin.who(Some(session.id));
        change.record(&who, Happened::to(user_id, EventBody::PasswordChanged));
        change.commit().await?;
        self.mail_waits.notify_one();
        let heard = telling.tell_all(user_id).await;
        // Where there is a code, the password alone does not stand in for it.
        if account.totp_secret.is_none() {
            self.store
                .authenticated(session.id, Timestamp::now())
                .await?;
        }
        Ok(ended_message(&ended, heard))
    }

    /// The same answer and the same work whether there is such an account or not: that is looked at
    /// when the mail is sent.
    pub(super) async fn ask_reset(
        &self,
        origin: &Origin,
        email: &str,
    ) -> Result<Response<api::RequestPasswordResetResponse>, Problem> {
        let email = named_email(email)?;
        let place = origin.place(&email, Knows::default(), Timestamp::default());
        // No lock is looked at: the way out of one leads through here.
        let verdict = self.admit_all(&origin.reset_limits(&place)).await?;
        let mut change = self.store.change().await?;
        change
            .send_mail(MailKind::PasswordReset, &email, None, "")
            .await?;
        change.commit().await?;
        self.mail_waits.notify_one();
        Ok(limited(LimitedAnswer::new(&verdict, ()), |()| {
            api::RequestPasswordResetResponse {}
        }))
    }

    /// One Argon2id, whether the token is good or not.
    pub(super) async fn reset(
        &self,
        origin: &Origin,
        asked: api::ConfirmPasswordResetRequest,
    ) -> Result<Response<api::ConfirmPasswordResetResponse>, Problem> {
        let verdict = self.admit_all(&origin.address_limits()).await?;
        let set = self.set_by_mail(origin, asked).await;
        let answer = set.map_err(|problem| problem.with_limits(verdict.headers()))?;
        Ok(limited(LimitedAnswer::new(&verdict, answer), |answer| {
            answer
        }))
    }

    /// Where the address was not proven before, it is now, and nothing stays of what was there: whoever made
    /// the account did not own the mailbox. Else the second factor stays.
    async fn set_by_mail(
        &self,
        origin: &Origin,
        asked: api::ConfirmPasswordResetRequest,
    ) -> Result<api::ConfirmPasswordResetResponse, Problem> {
        checked_password("new_password", &asked.new_password)?;
        let chosen = SecretString::from(asked.new_password);
        let token = self.reset_token(&asked.token).await?;
        // Who has a link waits apart from strangers.
        let line = origin.line(token.is_some());
        let hash = self
            .passwords
            .hash_chosen("new_password", chosen, Vec::new(), line)
            .await?;
        let token = token.ok_or_else(link_is_over)?;
        let user_id = token.subject_id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let held = change.hold_account(user_id).await?;
        let taken = change
            .take_mail_token(Purpose::PasswordReset, &sha256(asked.token.as_bytes()))
            .await?;
        let (Some(held), Some(_)) = (held, taken) else {
            telling.nothing();
            return Err(link_is_over());
        };
        if !change.verify_email(user_id, &token.email).await? {
            telling.nothing();
            return Err(link_is_over());
        }
        let is_first_proof = !held.user.email_verified;
        // A thief may have asked for another address.
        change.set_pending_email(user_id, None).await?;
        change.drop_email_undo(user_id).await?;
        let ended = match is_first_proof {
            true => change.take_over(user_id, Some(&hash)).await?,
            false => change.close_doors(user_id, Some(&hash)).await?,
        };
        let device = change
            .know(user_id, origin.device.as_deref(), false)
            .await?;
        change
            .send_mail(MailKind::PasswordChanged, &token.email, None, "")
            .await?;
        let who = origin.who(None);
        change.record(&who, Happened::to(user_id, EventBody::PasswordReset));
        if is_first_proof {
            change.touch_copies(user_id).await?;
            change.record(&who, Happened::to(user_id, EventBody::EmailVerified));
        }
        change.commit().await?;
        self.mail_waits.notify_one();
        let heard = telling.tell_all(user_id).await;
        Ok(api::ConfirmPasswordResetResponse {
            ended: Some(ended_message(&ended, heard)),
            device,
        })
    }

    async fn reset_token(&self, text: &str) -> Result<Option<MailToken>, Problem> {
        let sha256 = sha256(text.as_bytes());
        self.store.mail_token(Purpose::PasswordReset, &sha256).await
    }
}

pub(super) fn link_is_over() -> Problem {
    Problem::new(
        Code::InvalidCredentials,
        "The link was used before, is too old, or what it was for has changed. Ask for a new one.",
    )
}
