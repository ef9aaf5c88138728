//! Making, listing and changing accounts.

use redis_contracts::resource::User;
use rpc::auth as api;
use secrecy::SecretString;
use service_kit::Problem;
use uuid::Uuid;

use super::Accounts;
use crate::domain::account::{NewAccount, USER, checked_roles, comparable_email};

/// Accounts of a page when none are asked for, and at most.
const DEFAULT_LIMIT: u32 = 50;
const MOST: u32 = 200;

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
        let limit = match asked.limit {
            0 => DEFAULT_LIMIT,
            1..=MOST => asked.limit,
            _ => return Err(Problem::invalid_field("limit", format!("1 to {MOST}"))),
        };
        let after = match asked.cursor.as_str() {
            "" => None,
            text => {
                let id = Uuid::try_parse(text);
                Some(id.map_err(|_| {
                    Problem::invalid_field("cursor", "the next_cursor of an earlier answer")
                })?)
            }
        };
        let email = comparable_email(&asked.email);
        let users = self.store.users(after, &email, i64::from(limit)).await?;
        let full = users.len() == limit as usize;
        Ok(api::ListUsersResponse {
            next_cursor: users
                .last()
                .filter(|_| full)
                .map(|user| user.id.to_string())
                .unwrap_or_default(),
            users: users.into_iter().map(Into::into).collect(),
        })
    }

    pub(super) async fn change_roles(
        &self,
        asked: api::SetUserRolesRequest,
    ) -> Result<User, Problem> {
        let id = Uuid::try_parse(&asked.user_id).map_err(|_| Problem::not_found("account"))?;
        let roles = checked_roles(&asked.roles)?;
        let user = self.store.set_roles(id, &roles).await?;
        for session in self.store.live_sessions(id).await? {
            self.sessions.tell(&session).await;
        }
        Ok(user)
    }
}
