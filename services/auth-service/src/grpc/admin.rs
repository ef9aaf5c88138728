//! What admins do to the accounts of others.

use redis_contracts::{event::EventBody, keys::Scope, resource::User};
use rpc::auth as api;
use service_kit::{
    Problem,
    page::{Limit, wrong_cursor},
};
use uuid::Uuid;

use super::Accounts;
use crate::{
    accounts::Origin,
    domain::account::{ADMIN, checked_roles, looked_up_email},
    store::{Happened, MailKind, Who},
};

impl Accounts {
    pub(super) async fn list(
        &self,
        asked: api::ListUsersRequest,
    ) -> Result<api::ListUsersResponse, Problem> {
        let limit = Limit::asked(asked.limit)?;
        let before = match asked.cursor.as_str() {
            "" => None,
            text => Some(Uuid::try_parse(text).map_err(|_| wrong_cursor())?),
        };
        let email = match asked.email.as_str() {
            "" => Some(String::new()),
            text => looked_up_email(text),
        };
        let mut users = match email {
            Some(email) => self.store.users(before, &email, limit.to_read()).await?,
            None => Vec::new(),
        };
        Ok(api::ListUsersResponse {
            next_cursor: limit.cut(&mut users, |user| user.id.to_string()),
            users: users.into_iter().map(Into::into).collect(),
        })
    }

    pub(super) async fn change_roles(
        &self,
        admin: &User,
        origin: &Origin,
        asked: api::SetUserRolesRequest,
    ) -> Result<User, Problem> {
        let id = account_id(&asked.user_id)?;
        let roles = checked_roles(&asked.roles)?;
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

    pub(super) async fn unlock_account(
        &self,
        admin: &User,
        origin: &Origin,
        id: &str,
    ) -> Result<(), Problem> {
        let id = account_id(id)?;
        let mut change = self.store.change().await?;
        change.unlock(id).await?;
        change.record(
            &by(admin, origin),
            Happened::to(id, EventBody::AccountUnlocked),
        );
        change.commit().await
    }

    /// For somebody who has lost their codes.
    pub(super) async fn remove_totp_of(
        &self,
        admin: &User,
        origin: &Origin,
        id: &str,
    ) -> Result<(), Problem> {
        let id = account_id(id)?;
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

    pub(super) async fn end_all_of(
        &self,
        admin: &User,
        origin: &Origin,
        id: &str,
    ) -> Result<api::EndUserSessionsResponse, Problem> {
        let id = account_id(id)?;
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
        Ok(api::EndUserSessionsResponse {
            session_ids: ended.iter().map(Uuid::to_string).collect(),
            heard: telling.tell_all(id).await,
        })
    }
}

fn account_id(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::not_found("account"))
}

fn by(admin: &User, origin: &Origin) -> Who {
    Who {
        actor: Some(admin.id),
        ..origin.who(None)
    }
}
