//! The caller's own account, changed and deleted.

use actix_web::HttpResponse;
use redis_contracts::resource::User;
use rpc::{
    Malformed,
    auth::{DeleteMeRequest, UpdateMeRequest},
};

use super::{Signed, call::Call, reply::Answer, sessions};

/// A person; for another address, with their password, and code where there is one.
pub(super) async fn change(signed: Signed, mut call: Call) -> Answer {
    let client = call.client();
    let message = call
        .patch(|body| UpdateMeRequest {
            email: body.optional_text("email"),
            handle: body.optional_text("handle"),
            current_password: body.optional_text("current_password").unwrap_or_default(),
            code: body.optional_text("code").unwrap_or_default(),
            client,
        })
        .await?;
    let mut auth = call.state.upstream.auth.clone();
    let request = call.vouched(signed.call(message));
    let answer = auth.update_me(request).await?.into_inner();
    let user = User::try_from(answer.user.ok_or(Malformed("user"))?)?;
    Ok(HttpResponse::Ok().json(user))
}

/// A person, recently signed in. Their sessions end. What other services hold of them stays so far.
pub(super) async fn delete(signed: Signed, call: Call) -> Answer {
    let request = call.vouched(signed.call(DeleteMeRequest {
        client: call.client(),
    }));
    let mut auth = call.state.upstream.auth.clone();
    let ended = auth.delete_me(request).await?.into_inner().ended;
    sessions::tell_ended(&call.state, ended).await;
    Ok(call.signed_out())
}
