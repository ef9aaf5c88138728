//! The second factor of the caller's own account.

use actix_web::HttpResponse;
use rpc::auth::{BeginTotpRequest, ConfirmTotpRequest, RemoveTotpRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Signed,
    call::Call,
    input::{Json, NoFields},
    reply::{Answer, done},
};

/// A code of a second factor that is set up.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TotpCode {
    /// Six digits.
    code: String,
}

#[derive(Serialize)]
struct Secret {
    secret: String,
    uri: String,
    qr_svg: String,
}

#[derive(Serialize)]
struct Confirmed {
    recovery_codes: Vec<String>,
}

/// A person, recently signed in. The secret counts once a code of it was confirmed.
pub(super) async fn begin(signed: Signed, mut call: Call, body: NoFields) -> Answer {
    body.read(&mut call).await?;
    let request = signed.call(BeginTotpRequest {});
    let mut auth = call.state.upstream.auth.clone();
    let begun = auth.begin_totp(request).await?.into_inner();
    Ok(HttpResponse::Ok().json(Secret {
        secret: begun.secret,
        uri: begun.uri,
        qr_svg: begun.qr_svg,
    }))
}

/// A person, recently signed in. Turns it on.
pub(super) async fn confirm(signed: Signed, mut call: Call, body: Json<TotpCode>) -> Answer {
    let TotpCode { code } = body.read(&mut call).await?;
    let request = call.vouched(signed.call(ConfirmTotpRequest {
        code,
        client: call.client(),
    }));
    let mut auth = call.state.upstream.auth.clone();
    let confirmed = auth.confirm_totp(request).await?.into_inner();
    Ok(HttpResponse::Ok().json(Confirmed {
        recovery_codes: confirmed.recovery_codes,
    }))
}

/// A person, recently signed in. Turns it off.
pub(super) async fn remove(signed: Signed, call: Call) -> Answer {
    let request = call.vouched(signed.call(RemoveTotpRequest {
        client: call.client(),
    }));
    let mut auth = call.state.upstream.auth.clone();
    auth.remove_totp(request).await?;
    done()
}
