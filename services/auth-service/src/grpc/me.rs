//! What people change of their own accounts.

use redis_contracts::{
    event::EventBody,
    limits::{AUTH_ACCOUNT, REGISTER_DAY},
    resource::User,
};
use rpc::auth as api;
use service_kit::{Problem, limits::Asked};

use super::{Accounts, ended_message, origin::Origin};
use crate::{
    domain::account::{changed_email, changed_handle},
    store::{Happened, MailKind, Purpose, SessionRow},
};

impl Accounts {
    pub(super) async fn update(
        &self,
        session: &SessionRow,
        origin: &Origin,
        asked: api::UpdateMeRequest,
    ) -> Result<User, Problem> {
        let email = asked.email.as_deref().map(changed_email).transpose()?;
        let handle = asked.handle.as_deref().map(changed_handle).transpose()?;
        let held = &session.user;
        let moves = email.as_ref().is_some_and(|email| *email != held.email);
        if moves {
            // The answer tells whether there is an account: it is asked for as often as at a registration.
            let subject = format!("u-{}", held.id);
            let policies = [AUTH_ACCOUNT, REGISTER_DAY];
            let asked = policies.map(|policy| Asked::of(policy, subject.clone()));
            self.admit_all(&asked).await?;
        }
        let is_renamed = handle.as_ref().is_some_and(|handle| *handle != held.handle);
        if !moves && !is_renamed {
            return Ok(held.clone());
        }
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        change.hold_account(held.id).await?;
        let user = change
            .rename_user(held.id, email.as_deref(), handle.as_deref())
            .await?;
        change.touch_copies(user.id).await?;
        if moves {
            // The old mailbox may be another's by now.
            change
                .drop_mail_tokens(Purpose::PasswordReset, user.id)
                .await?;
            change
                .send_mail(MailKind::VerifyEmail, &user.email, None, "")
                .await?;
        }
        let changed = if moves { "email" } else { "handle" };
        let happened = Happened::to(user.id, EventBody::ProfileChanged).saying(changed);
        change.record(&origin.who(Some(session.id)), happened);
        change.commit().await?;
        self.mail_waits.notify_one();
        telling.tell_all(user.id).await;
        Ok(user)
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
