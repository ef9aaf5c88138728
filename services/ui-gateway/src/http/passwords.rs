//! Passwords that are forgotten or changed, and proof of an address.

use rpc::auth::{
    ChangePasswordRequest, ConfirmPasswordResetRequest, RequestEmailVerificationRequest,
    RequestPasswordResetRequest, VerifyEmailRequest,
};

use super::{
    Signed,
    call::Call,
    reply::{Answer, accepted, done},
    sessions,
};

/// Anyone. The answer never tells whether there is an account.
pub(super) async fn request_reset(mut call: Call) -> Answer {
    let client = call.client();
    let message = call
        .json(|body| RequestPasswordResetRequest {
            email: body.text("email"),
            client,
        })
        .await?;
    let request = call.vouched(call.context.call(None, message));
    let mut auth = call.state.upstream.auth.clone();
    let answer = auth.request_password_reset(request).await?;
    call.note_limits(answer.metadata());
    accepted()
}

/// Anyone with the token of a mail.
pub(super) async fn confirm_reset(mut call: Call) -> Answer {
    let client = call.client();
    let message = call
        .json(|body| ConfirmPasswordResetRequest {
            token: body.text("token"),
            new_password: body.text("new_password"),
            client,
        })
        .await?;
    let request = call.vouched(call.context.call(None, message));
    let mut auth = call.state.upstream.auth.clone();
    let answer = auth.confirm_password_reset(request).await?;
    call.note_limits(answer.metadata());
    sessions::tell_ended(&call.state, answer.into_inner().ended).await;
    done()
}

/// A person. Their other sessions end.
pub(super) async fn change(signed: Signed, mut call: Call) -> Answer {
    let client = call.client();
    let message = call
        .json(|body| ChangePasswordRequest {
            current_password: body.text("current_password"),
            new_password: body.text("new_password"),
            client,
        })
        .await?;
    let request = call.vouched(signed.call(message));
    let mut auth = call.state.upstream.auth.clone();
    let ended = auth.change_password(request).await?.into_inner().ended;
    sessions::tell_ended(&call.state, ended).await;
    done()
}

/// Anyone with the token of a mail.
pub(super) async fn verify_email(mut call: Call) -> Answer {
    let client = call.client();
    let message = call
        .json(|body| VerifyEmailRequest {
            token: body.text("token"),
            client,
        })
        .await?;
    let request = call.vouched(call.context.call(None, message));
    let mut auth = call.state.upstream.auth.clone();
    auth.verify_email(request).await?;
    done()
}

/// A person.
pub(super) async fn request_verification(signed: Signed, mut call: Call) -> Answer {
    call.no_fields().await?;
    let request = call.vouched(signed.call(RequestEmailVerificationRequest {
        client: call.client(),
    }));
    let mut auth = call.state.upstream.auth.clone();
    auth.request_email_verification(request).await?;
    accepted()
}
