//! Accounts and signing keys, for admins.

use redis_contracts::{Timestamp, resource::User};
use rpc::{
    Malformed,
    auth::{
        EndUserSessionsRequest, ListUsersRequest, RemoveUserTotpRequest, RotateKeysRequest,
        SetUserRolesRequest, UnlockUserRequest,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Signed,
    call::Call,
    input::{MergePatch, NoFields, Query},
    reply::{Answer, Done, Page, Plain, page},
    sessions::tell,
};
use crate::contract::{Optional, PageQuery};

/// Which accounts.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct UserQuery {
    #[serde(flatten)]
    page: PageQuery,
    /// Only the one with this address.
    email: Optional<String>,
}

/// Changes of an account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"roles": ["user", "admin"]}))]
pub(super) struct RolesPatch {
    /// All its roles: `user`, `admin`.
    roles: Vec<String>,
}

/// Admins: newest first.
pub(super) async fn list_users(
    signed: Signed,
    call: Call,
    query: Query<UserQuery>,
) -> Answer<Plain<Page<User>>> {
    let query = query.read(&call)?;
    let request = signed.call(ListUsersRequest {
        limit: query.page.limit.0,
        cursor: query.page.cursor.0.unwrap_or_default(),
        email: query.email.0.unwrap_or_default(),
    });
    let answer = call.auth().list_users(request).await?.into_inner();
    page::<User, _>(answer.users, answer.next_cursor)
}

/// Admins. Replaces the account's roles.
pub(super) async fn change_user(
    signed: Signed,
    mut call: Call,
    body: MergePatch<RolesPatch>,
) -> Answer<Plain<User>> {
    let user_id = call.id("account")?;
    let RolesPatch { roles } = body.read(&mut call).await?;
    let request = call.vouched(signed.call(SetUserRolesRequest {
        user_id,
        roles,
        client: call.client(),
    }));
    let answer = call.auth().set_user_roles(request).await?.into_inner();
    let user = User::try_from(answer.user.ok_or(Malformed("user"))?)?;
    Ok(Plain(user))
}

/// Admins. Lifts all locks and limits of the account.
pub(super) async fn unlock(signed: Signed, mut call: Call, body: NoFields) -> Answer<Done> {
    let user_id = call.id("account")?;
    body.read(&mut call).await?;
    let request = call.vouched(signed.call(UnlockUserRequest {
        user_id,
        client: call.client(),
    }));
    let mut auth = call.auth();
    auth.unlock_user(request).await?;
    Ok(Done)
}

/// Admins in person, recently. For somebody who has lost their codes.
pub(super) async fn remove_totp(signed: Signed, call: Call) -> Answer<Done> {
    let user_id = call.id("account")?;
    let request = call.vouched(signed.call(RemoveUserTotpRequest {
        user_id,
        client: call.client(),
    }));
    let mut auth = call.auth();
    auth.remove_user_totp(request).await?;
    Ok(Done)
}

/// Admins. Ends all sessions and machine tokens of the account.
pub(super) async fn end_sessions(signed: Signed, call: Call) -> Answer<Done> {
    let user_id = call.id("account")?;
    let request = call.vouched(signed.call(EndUserSessionsRequest {
        user_id,
        client: call.client(),
    }));
    let mut auth = call.auth();
    let ended = auth.end_user_sessions(request).await?.into_inner();
    tell(&call.state, &ended.session_ids, ended.heard).await;
    Ok(Done)
}

/// The key that signs next.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NextKey")]
pub(super) struct Rotated {
    kid: String,
    signs_from: Timestamp,
}

/// Admins. The next key is published now, and signs as soon as everyone can know it.
pub(super) async fn rotate_keys(
    signed: Signed,
    mut call: Call,
    body: NoFields,
) -> Answer<Plain<Rotated>> {
    body.read(&mut call).await?;
    let request = signed.call(RotateKeysRequest {});
    let mut auth = call.auth();
    let rotated = auth.rotate_keys(request).await?.into_inner();
    let signs_from = rotated.signs_from.as_ref().map(rpc::timestamp_from);
    Ok(Plain(Rotated {
        kid: rotated.kid,
        signs_from: signs_from.ok_or(Malformed("signs_from"))?,
    }))
}
