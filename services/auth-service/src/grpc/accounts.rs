//! Making, listing and changing accounts.

use redis_contracts::resource::User;
use rpc::auth as api;
use secrecy::SecretString;
use service_kit::{
    Problem,
    page::{Limit, wrong_cursor},
};
use uuid::Uuid;

use super::Accounts;
use crate::domain::account::{NewAccount, USER, checked_roles, comparable_email};

impl Accounts {
    pub(super) async fn make_account(&self, asked: api::RegisterRequest) -> Result<User, Problem> {
        let account = NewAccount::check(&asked.email, &asked.handle, &asked.password)?;
        let hash = self
            .passwords
            .hash(SecretString::from(asked.password))
            .await?;
        self.store
            .create_user(account, hash, vec![USER.to_owned()])
            .await
    }

    pub(super) async fn list(
        &self,
        asked: api::ListUsersRequest,
    ) -> Result<api::ListUsersResponse, Problem> {
        let limit = Limit::asked(asked.limit)?;
        let after = match asked.cursor.as_str() {
            "" => None,
            text => Some(Uuid::try_parse(text).map_err(|_| wrong_cursor())?),
        };
        let email = comparable_email(&asked.email);
        let mut users = self.store.users(after, &email, limit.to_read()).await?;
        Ok(api::ListUsersResponse {
            next_cursor: limit.cut(&mut users, |user| user.id.to_string()),
            users: users.into_iter().map(Into::into).collect(),
        })
    }

    pub(super) async fn change_roles(
        &self,
        asked: api::SetUserRolesRequest,
    ) -> Result<User, Problem> {
        let id = Uuid::try_parse(&asked.user_id).map_err(|_| Problem::not_found("account"))?;
        let roles = checked_roles(&asked.roles)?;
        let change = self.sessions.change();
        let user = self.store.set_roles(id, &roles).await?;
        change.tell(&self.store.live_sessions(id).await?).await;
        Ok(user)
    }
}
