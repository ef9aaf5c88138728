//! The second factor of the caller's own account.

use rpc::auth::{BeginTotpRequest, ConfirmTotpRequest, RemoveTotpRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Signed,
    call::Call,
    input::{Json, NoFields},
    reply::{Answer, Done, Plain},
};

/// A code of a second factor that is set up.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"code": "123456"}))]
pub(super) struct TotpCode {
    /// Six digits.
    code: String,
}

/// A second factor to set up.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TotpSecret")]
pub(super) struct Secret {
    secret: String,
    uri: String,
    qr_svg: String,
}

/// A second factor that is on.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecoveryCodes")]
pub(super) struct Confirmed {
    recovery_codes: Vec<String>,
}

/// A person, recently signed in. The secret counts once a code of it was confirmed.
pub(super) async fn begin(signed: Signed, mut call: Call, body: NoFields) -> Answer<Plain<Secret>> {
    body.read(&mut call).await?;
    let request = signed.call(BeginTotpRequest {});
    let mut auth = call.auth();
    let begun = auth.begin_totp(request).await?.into_inner();
    Ok(Plain(Secret {
        secret: begun.secret,
        uri: begun.uri,
        qr_svg: begun.qr_svg,
    }))
}

/// A person, recently signed in. Turns it on.
pub(super) async fn confirm(
    signed: Signed,
    mut call: Call,
    body: Json<TotpCode>,
) -> Answer<Plain<Confirmed>> {
    let TotpCode { code } = body.read(&mut call).await?;
    let request = call.vouched(signed.call(ConfirmTotpRequest {
        code,
        client: call.client(),
    }));
    let mut auth = call.auth();
    let confirmed = auth.confirm_totp(request).await?.into_inner();
    Ok(Plain(Confirmed {
        recovery_codes: confirmed.recovery_codes,
    }))
}

/// A person, recently signed in. Turns it off.
pub(super) async fn remove(signed: Signed, call: Call) -> Answer<Done> {
    let request = call.vouched(signed.call(RemoveTotpRequest {
        client: call.client(),
    }));
    let mut auth = call.auth();
    auth.remove_totp(request).await?;
    Ok(Done)
}
