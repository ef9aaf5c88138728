//! What people change of their own accounts.

use rate_limits::{
    Asked,
    policy::{AUTH_ACCOUNT, REGISTER_DAY},
};
use redis_contracts::{event::EventBody, resource::User};
use rpc::auth as api;
use service_kit::{Code, Problem, config::Registration};

use super::{Accounts, ended_message};
use crate::{
    accounts::{Origin, PasswordAndCode, link_is_over},
    domain::{
        account::{changed_email, changed_handle, comparable_email},
        email_change::PENDING_S,
        secret::sha256,
    },
    store::{Account, Change, Happened, MailKind, Purpose, SessionRow},
    tokens::session_ended,
};

/// What a moment begins with.
const DAY: &str = "2026-01-31";

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

impl Accounts {
    pub(super) async fn update(
        &self,
        session: &SessionRow,
        origin: &Origin,
        asked: api::UpdateMeRequest,
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
                self.may_move(session, origin, asked.current_password, asked.code)
                    .await?;
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
        password: String,
        code: String,
    ) -> Result<(), Problem> {
        let user = &session.user;
        if password.is_empty() || (user.second_factor && code.is_empty()) {
            return Err(Problem::new(
                Code::ReauthenticationRequired,
                "Send current_password, and code where there is a second factor, with a new address.",
            ));
        }
        self.limit_probing(session).await?;
        let given = PasswordAndCode {
            password: password.into(),
            code: code.into(),
        };
        self.confirmation
            .confirmed_twice(session, origin, given)
            .await
            .map(drop)
    }

    /// What tells whether a name is taken is asked for as often as at a registration.
    async fn limit_probing(&self, session: &SessionRow) -> Result<(), Problem> {
        let subject = format!("u-{}", session.user.id);
        let policies = [AUTH_ACCOUNT, REGISTER_DAY];
        let asked = policies.map(|policy| Asked::of(policy, subject.clone()));
        self.admit_all(&asked).await.map(drop)
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

    /// An old address comes back. Whoever changed it keeps nothing that opens the account.
    pub(super) async fn bring_address_back(
        &self,
        origin: &Origin,
        token: &str,
    ) -> Result<api::Ended, Problem> {
        let sha256 = sha256(token.as_bytes());
        let found = self
            .store
            .mail_token(Purpose::UndoEmailChange, &sha256)
            .await?;
        let undo_id = found.ok_or_else(link_is_over)?.subject_id;
        let undo = self.store.email_undo(undo_id).await?;
        let undo = undo.ok_or_else(link_is_over)?;
        let user_id = undo.user_id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let brought_back = match change.hold_account(user_id).await? {
            Some(held) => change.bring_email_back(&held, &undo).await?,
            None => None,
        };
        let Some(user) = brought_back else {
            telling.nothing();
            return Err(link_is_over());
        };
        let ended = change.close_doors(user_id, None).await?;
        for purpose in [Purpose::ChangeEmail, Purpose::VerifyEmail] {
            change.drop_mail_tokens(purpose, user_id).await?;
        }
        change
            .send_mail(MailKind::PasswordReset, &user.email, None, "")
            .await?;
        let happened = Happened::to(user_id, EventBody::EmailChangeUndone);
        change.record(&origin.who(None), happened);
        change.commit().await?;
        self.mail_waits.notify_one();
        tracing::info!(user.id = %user_id, "an address was brought back");
        Ok(ended_message(&ended, telling.tell_all(user_id).await))
    }

    /// Takes the account away, and with it all that opens it.
    pub(super) async fn delete(
        &self,
        session: &SessionRow,
        origin: &Origin,
    ) -> Result<api::Ended, Problem> {
        let telling = self.copies.telling();
        let user_id = session.user.id;
        let mut change = self.store.change().await?;
        // Whoever signs in meanwhile comes before it, or not at all.
        change.hold_account(user_id).await?;
        if let Some(until) = change.email_undo_ends(user_id).await? {
            telling.nothing();
            return Err(Problem::new(
                Code::Conflict,
                format!(
                    "A change of the account's address can be undone until {}; it can be deleted then.",
                    &until.to_string()[..DAY.len()]
                ),
            ));
        }
        change.delete_user(user_id).await?;
        let mut ended = change.end_sessions(user_id, None).await?;
        let revoked = change.revoke_machine_tokens(user_id, None).await?;
        ended.extend(revoked.into_iter().map(|(id, _)| id));
        change.require_admin().await?;
        let happened = Happened::to(user_id, EventBody::AccountDeleted);
        change.record(&origin.who(Some(session.id)), happened);
        change.commit().await?;
        let heard = telling.tell_all(user_id).await;
        tracing::info!(user.id = %user_id, "an account was deleted");
        Ok(ended_message(&ended, heard))
    }
}
