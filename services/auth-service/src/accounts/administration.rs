//! What admins do to the accounts of others.

use std::sync::Arc;

use redis_contracts::{event::EventBody, keys::Scope, resource::User};
use service_kit::{Problem, page::Limit};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Listing, Origin, Parts, ended_access::EndedAccess};
use crate::{
    copies::Copies,
    domain::account::{ADMIN, checked_roles, looked_up_email},
    store::{Happened, MailKind, Store, Who},
};

/// Does what admins may do.
pub struct Administration {
    store: Store,
    copies: Copies,
    mail_waits: Arc<Notify>,
}

impl Administration {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            copies: parts.copies.clone(),
            mail_waits: Arc::clone(&parts.mail_waits),
        }
    }

    /// Accounts, newest first, from before one on; `email` picks one unless it is empty.
    pub async fn list(
        &self,
        before: Option<Uuid>,
        email: &str,
        limit: Limit,
    ) -> Result<Listing<User>, Problem> {
        let email = match email {
            "" => Some(String::new()),
            text => looked_up_email(text),
        };
        let users = match email {
            Some(email) => self.store.users(before, &email, limit.to_read()).await?,
            None => Vec::new(),
        };
        Ok(Listing::cut(limit, users, |user| user.id.to_string()))
    }

    /// The account with these roles.
    pub async fn change_roles(
        &self,
        admin: &User,
        origin: &Origin,
        id: Uuid,
        roles: &[String],
    ) -> Result<User, Problem> {
        let roles = checked_roles(roles)?;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        change.hold_account(id).await?;
        let user = change.set_roles(id, &roles).await?;
        // What a role allowed ends with it, also where it comes back one day.
        if !roles.iter().any(|role| role == ADMIN) {
            for (_, name) in change.withdraw_scope(id, Scope::Admin).await? {
                let revoked = Happened::to(id, EventBody::MachineTokenRevoked).saying(name);
                change.record(&by(admin, origin), revoked);
            }
        }
        change.touch_copies(id).await?;
        change.require_admin().await?;
        let happened = Happened::to(id, EventBody::RolesChanged).saying(roles.join(", "));
        change.record(&by(admin, origin), happened);
        change.commit().await?;
        telling.tell_all(id).await;
        Ok(user)
    }

    /// Voids all locks of an account.
    pub async fn unlock(&self, admin: &User, origin: &Origin, id: Uuid) -> Result<(), Problem> {
        let mut change = self.store.change().await?;
        change.unlock(id).await?;
        change.record(
            &by(admin, origin),
            Happened::to(id, EventBody::AccountUnlocked),
        );
        change.commit().await
    }

    /// For somebody who has lost their codes.
    pub async fn remove_second_factor(
        &self,
        admin: &User,
        origin: &Origin,
        id: Uuid,
    ) -> Result<(), Problem> {
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let held = change.hold_account(id).await?;
        let held = held.ok_or_else(|| Problem::not_found("account"))?;
        if !change.remove_totp(id).await? {
            telling.nothing();
            return Ok(());
        }
        change.touch_copies(id).await?;
        let letter = MailKind::SecondFactorDisabled;
        change.send_mail(letter, &held.user.email, None, "").await?;
        let happened = Happened::to(id, EventBody::SecondFactorDisabled);
        change.record(&by(admin, origin), happened);
        change.commit().await?;
        self.mail_waits.notify_one();
        telling.tell_all(id).await;
        Ok(())
    }

    /// Ends all sessions and machine tokens of an account.
    pub async fn end_all(
        &self,
        admin: &User,
        origin: &Origin,
        id: Uuid,
    ) -> Result<EndedAccess, Problem> {
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let held = change.hold_account(id).await?;
        held.ok_or_else(|| Problem::not_found("account"))?;
        let mut ended = change.end_sessions(id, None).await?;
        for session_id in &ended {
            let who = Who {
                session_id: Some(*session_id),
                ..by(admin, origin)
            };
            change.record(&who, Happened::to(id, EventBody::SessionEnded));
        }
        for (token_id, name) in change.revoke_machine_tokens(id, None).await? {
            ended.push(token_id);
            let happened = Happened::to(id, EventBody::MachineTokenRevoked).saying(name);
            change.record(&by(admin, origin), happened);
        }
        change.commit().await?;
        let heard = telling.tell_all(id).await;
        Ok(EndedAccess { ids: ended, heard })
    }
}

fn by(admin: &User, origin: &Origin) -> Who {
    Who {
        actor: Some(admin.id),
        ..origin.who(None)
    }
}
