//! Passwords that are forgotten or changed, and proof of an address.

use actix_web::HttpResponse;
use rpc::auth::{
    ChangePasswordRequest, ConfirmPasswordResetRequest, RequestEmailVerificationRequest,
    RequestPasswordResetRequest, UndoEmailChangeRequest, VerifyEmailRequest,
};
use service_kit::{Code, Problem};

use super::{
    Signed,
    call::Call,
    cookies::{self, REFRESH_COOKIE},
    reply::{Answer, accepted, done},
    sessions,
    signed::shown_token,
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
    call.state.site.refuse_other_page(&call.request)?;
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
    let answer = answer.into_inner();
    sessions::tell_ended(&call.state, answer.ended).await;
    Ok(done_on_device(&call, answer.device))
}

/// A person. Their other sessions end, and their machine tokens unless they are kept.
pub(super) async fn change(signed: Signed, mut call: Call) -> Answer {
    let client = call.client();
    let message = call
        .json(|body| ChangePasswordRequest {
            current_password: body.text("current_password"),
            new_password: body.text("new_password"),
            keep_tokens: body.flag("keep_tokens"),
            client,
        })
        .await?;
    let request = call.vouched(signed.call(message));
    let mut auth = call.state.upstream.auth.clone();
    let ended = auth.change_password(request).await?.into_inner().ended;
    sessions::tell_ended(&call.state, ended).await;
    done()
}

/// Anyone with the token of a mail. Who is signed in to the account, or gives its password, loses nothing.
pub(super) async fn verify_email(mut call: Call) -> Answer {
    call.state.site.refuse_other_page(&call.request)?;
    let token = shown_token(&call.request)?;
    let client = call.client();
    let message = call
        .json(|body| VerifyEmailRequest {
            token: body.text("token"),
            password: body.optional_text("password").unwrap_or_default(),
            new_password: body.optional_text("new_password").unwrap_or_default(),
            client,
        })
        .await?;
    let shows_nothing =
        token.is_none() && message.password.is_empty() && message.new_password.is_empty();
    if shows_nothing && call.request.cookie(REFRESH_COOKIE).is_some() {
        return Err(renew_first().into());
    }
    let request = call.vouched(call.context.call(token.as_deref(), message));
    let mut auth = call.state.upstream.auth.clone();
    let answer = auth.verify_email(request).await?.into_inner();
    sessions::tell_ended(&call.state, answer.ended).await;
    Ok(done_on_device(&call, answer.device))
}

/// Who is signed in, with an access token that ended a moment ago, must not pass for a stranger to the
/// account: they would lose it.
fn renew_first() -> Problem {
    Problem::new(
        Code::Unauthenticated,
        "The access token has expired; renew it (POST /api/auth/refresh), then open the link again.",
    )
}

/// Anyone with the token of a mail.
pub(super) async fn undo_email_change(mut call: Call) -> Answer {
    let client = call.client();
    let message = call
        .json(|body| UndoEmailChangeRequest {
            token: body.text("token"),
            client,
        })
        .await?;
    let request = call.vouched(call.context.call(None, message));
    let mut auth = call.state.upstream.auth.clone();
    let ended = auth.undo_email_change(request).await?.into_inner().ended;
    sessions::tell_ended(&call.state, ended).await;
    done()
}

/// 204, on a device that the account knows from now on.
fn done_on_device(call: &Call, device: String) -> HttpResponse {
    let mut answer = HttpResponse::NoContent();
    if !device.is_empty() {
        answer.cookie(cookies::device(&call.state.site, device));
    }
    answer.finish()
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
