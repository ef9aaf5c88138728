//! Machine tokens are made, listed and revoked.

use redis_contracts::{Timestamp, event::EventBody, keys::Scope};
use rpc::auth as api;
use service_kit::{Code, Problem};
use uuid::Uuid;

use super::Accounts;
use crate::{
    accounts::{Origin, forbidden},
    domain::{
        account::ADMIN,
        machine_token::{Wanted, new_text},
        secret::sha256,
    },
    store::{Happened, MachineRow, MailKind, NewMachineToken, SessionRow},
    tokens::session_ended,
};

/// Machine tokens of a person at most.
const MOST: i64 = 100;

impl Accounts {
    pub(super) async fn new_machine_token(
        &self,
        session: &SessionRow,
        origin: &Origin,
        asked: api::CreateMachineTokenRequest,
    ) -> Result<api::CreateMachineTokenResponse, Problem> {
        let Wanted {
            name,
            scopes,
            expires_on,
            expires_at,
        } = Wanted::check(
            &asked.name,
            &asked.scopes,
            asked.expires_on.as_deref(),
            Timestamp::now(),
        )?;
        let roles = &session.user.roles;
        if scopes.contains(&Scope::Admin) && !roles.iter().any(|role| role == ADMIN) {
            return Err(forbidden(
                "Only admins can make a token with the scope admin.",
            ));
        }
        let id = Uuid::now_v7();
        let token = new_text(id)?;
        let new = NewMachineToken {
            id,
            name,
            scopes,
            sha256: sha256(token.as_bytes()),
            expires_on,
            expires_at,
        };
        let user_id = session.user.id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        // A session, or a role, that ends meanwhile makes no token that outlives it.
        let held = change.hold_account(user_id).await?;
        let as_it_was = held.is_some_and(|held| held.user.roles == *roles);
        if !as_it_was || !change.is_open(session.id).await? {
            telling.nothing();
            return Err(session_ended());
        }
        if !change.create_machine_token(user_id, &new, MOST).await? {
            telling.nothing();
            return Err(Problem::new(
                Code::Conflict,
                format!("There are {MOST} machine tokens already; revoke one first."),
            ));
        }
        let happened = Happened::to(user_id, EventBody::MachineTokenCreated).saying(new.name);
        change.record(&origin.who(Some(session.id)), happened);
        change
            .send_mail(MailKind::MachineTokenMade, &session.user.email, None, "")
            .await?;
        change.commit().await?;
        self.mail_waits.notify_one();
        telling.tell_all(user_id).await;
        let row = self.store.machine_token(id).await?;
        Ok(api::CreateMachineTokenResponse {
            machine_token: row.map(message),
            token,
        })
    }

    pub(super) async fn list_machine_tokens_of(
        &self,
        user_id: Uuid,
    ) -> Result<api::ListMachineTokensResponse, Problem> {
        let rows = self.store.machine_tokens(user_id).await?;
        Ok(api::ListMachineTokensResponse {
            machine_tokens: rows.into_iter().map(message).collect(),
        })
    }

    pub(super) async fn revoke(
        &self,
        session: &SessionRow,
        origin: &Origin,
        id: &str,
    ) -> Result<bool, Problem> {
        let not_found = || Problem::not_found("machine token");
        let id = Uuid::try_parse(id).map_err(|_| not_found())?;
        let user_id = session.user.id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        change.hold_account(user_id).await?;
        let revoked = change.revoke_machine_tokens(user_id, Some(id)).await?;
        let Some((_, name)) = revoked.into_iter().next() else {
            telling.nothing();
            return Err(not_found());
        };
        let happened = Happened::to(user_id, EventBody::MachineTokenRevoked).saying(name);
        change.record(&origin.who(Some(session.id)), happened);
        change.commit().await?;
        Ok(telling.tell_all(user_id).await)
    }
}

fn message(row: MachineRow) -> api::MachineToken {
    api::MachineToken {
        id: row.id.to_string(),
        name: row.name,
        scopes: row
            .scopes
            .iter()
            .map(|scope| scope.name().to_owned())
            .collect(),
        created_at: Some(rpc::timestamp(row.created_at)),
        expires_on: row.expires_on,
        last_used_at: row.last_used_at.map(rpc::timestamp),
    }
}
