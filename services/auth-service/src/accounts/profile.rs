//! What people change of their own accounts.

use std::sync::Arc;

use rate_limits::{
    Asked, Limiter,
    policy::{AUTH_ACCOUNT, REGISTER_DAY},
};
use redis_contracts::{event::EventBody, resource::User};
use secrecy::ExposeSecret;
use service_kit::{Code, Problem, config::Registration};
use tokio::sync::Notify;

use super::{
    Origin, Parts,
    confirmation::{Confirmation, PasswordAndCode},
    limits::admit_all,
};
use crate::{
    copies::Copies,
    domain::{
        account::{changed_email, changed_handle, comparable_email},
        email_change::PENDING_S,
    },
    store::{Account, Change, Happened, MailKind, Purpose, SessionRow, Store},
    tokens::session_ended,
};

/// Changes handles, and begins changes of addresses.
pub struct Profile {
    store: Store,
    confirmation: Confirmation,
    copies: Copies,
    limiter: Limiter,
    mail_waits: Arc<Notify>,
    registration: Registration,
}

/// What a person wants to change.
pub struct ProfileChange {
    /// Another address; none: as it is.
    pub email: Option<String>,
    /// Another handle; none: as it is.
    pub handle: Option<String>,
    /// What is given for another address.
    pub given: PasswordAndCode,
}

/// What becomes of an account's address.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    /// Nothing.
    Stays,
    /// It waits for the proof of another one no more.
    StaysAfterAll,
    /// It waits for the proof of this one.
    Moves(String),
}

impl Profile {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            confirmation: Confirmation::of(parts),
            copies: parts.copies.clone(),
            limiter: parts.limiter.clone(),
            mail_waits: Arc::clone(&parts.mail_waits),
            registration: parts.registration,
        }
    }

    /// The account as it is then.
    pub async fn update(
        &self,
        session: &SessionRow,
        origin: &Origin,
        asked: ProfileChange,
    ) -> Result<User, Problem> {
        let held = &session.user;
        let handle = asked.handle.as_deref();
        let handle = handle.map(|handle| changed_handle(handle, &held.handle));
        let handle = handle.transpose()?.filter(|handle| *handle != held.handle);
        let address = match asked.email.as_deref() {
            None => Address::Stays,
            // Also one that could not be chosen today.
            Some(email) if comparable_email(email) == held.email => match held.pending_email {
                Some(_) => Address::StaysAfterAll,
                None => Address::Stays,
            },
            Some(email) => {
                let email = changed_email(email)?;
                self.may_move(session, origin, asked.given).await?;
                Address::Moves(email)
            }
        };
        if address == Address::Stays && handle.is_none() {
            return Ok(session.user.clone());
        }
        if handle.is_some() {
            // The answer says whether it is taken.
            self.limit_probing(session).await?;
        }
        self.store_profile(session, origin, address, handle).await
    }

    /// Asks for the password, and a code where there is one: a session alone does not move an account.
    async fn may_move(
        &self,
        session: &SessionRow,
        origin: &Origin,
        given: PasswordAndCode,
    ) -> Result<(), Problem> {
        let lacks_code = session.user.second_factor && given.code.expose_secret().is_empty();
        if given.password.expose_secret().is_empty() || lacks_code {
            return Err(Problem::new(
                Code::ReauthenticationRequired,
                "Send current_password, and code where there is a second factor, with a new address.",
            ));
        }
        self.limit_probing(session).await?;
        let confirmed = self.confirmation.confirmed_twice(session, origin, given);
        confirmed.await.map(drop)
    }

    /// What tells whether a name is taken is asked for as often as at a registration.
    async fn limit_probing(&self, session: &SessionRow) -> Result<(), Problem> {
        let subject = format!("u-{}", session.user.id);
        let policies = [AUTH_ACCOUNT, REGISTER_DAY];
        let asked = policies.map(|policy| Asked::of(policy, subject.clone()));
        admit_all(&self.limiter, &asked).await.map(drop)
    }

    async fn store_profile(
        &self,
        session: &SessionRow,
        origin: &Origin,
        address: Address,
        handle: Option<String>,
    ) -> Result<User, Problem> {
        let user_id = session.user.id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let changed = self
            .change_profile(&mut change, session, origin, address, handle)
            .await;
        let user = match changed {
            Ok(user) => user,
            Err(problem) => {
                telling.nothing();
                return Err(problem);
            }
        };
        change.commit().await?;
        self.mail_waits.notify_one();
        telling.tell_all(user_id).await;
        Ok(user)
    }

    async fn change_profile(
        &self,
        change: &mut Change,
        session: &SessionRow,
        origin: &Origin,
        address: Address,
        handle: Option<String>,
    ) -> Result<User, Problem> {
        let user_id = session.user.id;
        let held = change.hold_account(user_id).await?;
        let held = held.ok_or_else(session_ended)?;
        if !change.is_open(session.id).await? {
            return Err(session_ended());
        }
        let who = origin.who(Some(session.id));
        if let Some(handle) = handle {
            change.change_handle(user_id, &handle).await?;
            let happened = Happened::to(user_id, EventBody::ProfileChanged).saying("handle");
            change.record(&who, happened);
        }
        match address {
            Address::Stays => {}
            Address::StaysAfterAll => {
                change.set_pending_email(user_id, None).await?;
                change.drop_email_undo(user_id).await?;
            }
            Address::Moves(email) => {
                self.wait_for_proof(change, &held, &email).await?;
                let happened = Happened::to(user_id, EventBody::EmailChangeRequested);
                change.record(&who, happened);
            }
        }
        change.touch_copies(user_id).await?;
        change.user(user_id).await
    }

    /// The new address is written to, and reserved for nobody; a proven old one hears of it at once.
    async fn wait_for_proof(
        &self,
        change: &mut Change,
        held: &Account,
        email: &str,
    ) -> Result<(), Problem> {
        let user = &held.user;
        // Where addresses are proven before an account is made, only the mailbox learns what is taken.
        if self.registration != Registration::Verified {
            change.require_free(email, user.id).await?;
        }
        let until = change.now.plus_seconds(PENDING_S);
        change
            .set_pending_email(user.id, Some((email, until)))
            .await?;
        change
            .drop_mail_tokens(Purpose::ChangeEmail, user.id)
            .await?;
        change
            .send_mail(MailKind::ConfirmAddress, email, Some(user.id), "")
            .await?;
        if user.email_verified {
            let undo_id = change.keep_email_undo(held, until).await?;
            change
                .send_mail(MailKind::AddressChanges, &user.email, Some(undo_id), email)
                .await?;
        }
        Ok(())
    }
}
