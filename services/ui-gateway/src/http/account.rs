//! The caller's own account, changed and deleted.

use redis_contracts::resource::User;
use rpc::{
    Malformed,
    auth::{DeleteMeRequest, UpdateMeRequest},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{
    Signed,
    call::Call,
    input::MergePatch,
    reply::{Answer, Done, Plain, WithCookies},
    sessions,
};
use crate::contract::Optional;

/// Changes of the caller's account.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(example = json!({"handle": "ada-l"}))]
pub(super) struct AccountPatch {
    /// Address to sign in with, once it is proven.
    email: Optional<String>,
    /// Public short name.
    handle: Optional<String>,
    /// Password; for another address.
    current_password: String,
    /// A code of the second factor, where there is one; for another address.
    code: String,
}

/// A person; for another address, with their password, and code where there is one.
pub(super) async fn change(
    signed: Signed,
    mut call: Call,
    body: MergePatch<AccountPatch>,
) -> Answer<Plain<User>> {
    let patch = body.read(&mut call).await?;
    let request = call.vouched(signed.call(UpdateMeRequest {
        email: patch.email.0,
        handle: patch.handle.0,
        current_password: patch.current_password,
        code: patch.code,
        client: call.client(),
    }));
    let mut auth = call.auth();
    let answer = auth.update_me(request).await?.into_inner();
    let user = User::try_from(answer.user.ok_or(Malformed("user"))?)?;
    Ok(Plain(user))
}

/// A person, recently signed in. Their sessions end. What other services hold of them stays so far.
pub(super) async fn delete(signed: Signed, call: Call) -> Answer<WithCookies<Done>> {
    let request = call.vouched(signed.call(DeleteMeRequest {
        client: call.client(),
    }));
    let mut auth = call.auth();
    let ended = auth.delete_me(request).await?.into_inner().ended;
    sessions::tell_ended(&call.state, ended).await;
    Ok(call.signed_out())
}
