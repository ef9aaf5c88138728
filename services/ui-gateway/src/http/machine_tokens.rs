//! Machine tokens: a person's keys for their scripts.

use redis_contracts::Timestamp;
use rpc::{
    Malformed,
    auth::{self, CreateMachineTokenRequest, ListMachineTokensRequest, RevokeMachineTokenRequest},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Failure, Signed,
    call::Call,
    input::Json,
    reply::{Answer, Created, Done, Page, Plain, Resource, given},
    sessions::tell,
};
use crate::contract::{Day, Optional};

/// A new machine token.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"name": "nightly export", "scopes": ["read"], "expires_on": null}))]
pub(super) struct NewMachineToken {
    /// What it is for.
    name: String,
    /// `read`, `write`, `admin`.
    scopes: Vec<String>,
    /// The last day it is good, UTC; null: until it is revoked; 90 days when it is left out.
    #[serde(default)]
    expires_on: Optional<Option<Day>>,
}

/// A machine token without its secret.
#[derive(Serialize, JsonSchema)]
pub(super) struct MachineToken {
    id: String,
    name: String,
    scopes: Vec<String>,
    created_at: Timestamp,
    expires_on: Option<String>,
    last_used_at: Option<Timestamp>,
}

/// A new one, with its secret, which is told once.
#[derive(Serialize, JsonSchema)]
pub(super) struct MadeMachineToken {
    #[serde(flatten)]
    machine_token: MachineToken,
    token: String,
}

/// A person: their own, newest first.
pub(super) async fn list(signed: Signed, call: Call) -> Answer<Plain<Page<MachineToken>>> {
    let tokens = all(&signed, &call).await?;
    Ok(Plain(Page::whole(tokens)))
}

/// All machine tokens of the caller, whose number auth-service bounds.
pub(super) async fn all(signed: &Signed, call: &Call) -> Result<Vec<MachineToken>, Failure> {
    let request = signed.call(ListMachineTokensRequest {});
    let mut auth = call.auth();
    let answer = auth.list_machine_tokens(request).await?.into_inner();
    let tokens = answer.machine_tokens.into_iter();
    let tokens = tokens.map(MachineToken::try_from);
    Ok(tokens.collect::<Result<_, _>>()?)
}

/// A person.
pub(super) async fn create(
    signed: Signed,
    mut call: Call,
    body: Json<NewMachineToken>,
) -> Answer<Created<MadeMachineToken>> {
    let new = body.read(&mut call).await?;
    let request = call.vouched(
        signed.call(CreateMachineTokenRequest {
            name: new.name,
            scopes: new.scopes,
            // In the service an empty text means never.
            expires_on: new
                .expires_on
                .0
                .map(|day| day.map_or_else(String::new, |Day(day)| day)),
            client: call.client(),
        }),
    );
    let mut auth = call.auth();
    let answer = auth.create_machine_token(request).await?.into_inner();
    let made = answer.machine_token.ok_or(Malformed("machine_token"))?;
    let machine_token = MachineToken::try_from(made)?;
    Ok(Created::once(MadeMachineToken {
        machine_token,
        token: answer.token,
    }))
}

impl Resource for MadeMachineToken {
    const IS_VERSIONED: bool = false;

    fn version(&self) -> Option<u64> {
        None
    }

    fn location(&self) -> String {
        format!("/api/me/tokens/{}", self.machine_token.id)
    }
}

/// A person: one of their own. It is dead everywhere at once.
pub(super) async fn revoke(signed: Signed, call: Call) -> Answer<Done> {
    let id = call.id("machine token")?;
    let request = call.vouched(signed.call(RevokeMachineTokenRequest {
        id: id.clone(),
        client: call.client(),
    }));
    let mut auth = call.auth();
    let heard = auth.revoke_machine_token(request).await?.into_inner().heard;
    // A machine token is a session to those who check it.
    tell(&call.state, &[id], heard).await;
    Ok(Done)
}

impl TryFrom<auth::MachineToken> for MachineToken {
    type Error = Malformed;

    fn try_from(of: auth::MachineToken) -> Result<Self, Malformed> {
        let created_at = of.created_at.as_ref().map(rpc::timestamp_from);
        Ok(Self {
            id: of.id,
            name: of.name,
            scopes: of.scopes,
            created_at: created_at.ok_or(Malformed("created_at"))?,
            expires_on: given(of.expires_on),
            last_used_at: of.last_used_at.as_ref().map(rpc::timestamp_from),
        })
    }
}
