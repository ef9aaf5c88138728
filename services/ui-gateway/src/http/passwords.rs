//! Passwords that are forgotten or changed, and proof of an address.

use rpc::auth::{
    ChangePasswordRequest, ConfirmPasswordResetRequest, RequestEmailVerificationRequest,
    RequestPasswordResetRequest, UndoEmailChangeRequest, VerifyEmailRequest,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use service_kit::{Code, Problem};

use super::{
    Signed,
    call::Call,
    cookies::{self, REFRESH_COOKIE},
    input::{Json, NoFields},
    reply::{Accepted, Answer, Done, NothingYet, WithCookies, accepted, given},
    sessions,
    signed::shown_token,
};

/// Whose password was forgotten.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"email": "ada@example.org"}))]
pub(super) struct ResetRequest {
    /// Address of the account.
    email: String,
}

/// A new password in place of a forgotten one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"token": "of-the-mail", "new_password": "correct horse battery"}))]
pub(super) struct ResetConfirmation {
    /// The token of the mail.
    token: String,
    /// The new password.
    new_password: String,
}

/// A new password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"current_password": "correct horse battery", "new_password": "staple after staple"}))]
pub(super) struct PasswordChange {
    /// The password so far.
    current_password: String,
    /// The new one.
    new_password: String,
    /// Whether machine tokens stay.
    #[serde(default)]
    keep_tokens: bool,
}

/// The proof of an address.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"token": "of-the-mail"}))]
pub(super) struct EmailProof {
    /// The token of the mail.
    token: String,
    /// The account's password, for who is not signed in.
    #[serde(default)]
    password: String,
    /// A new password, for who does not know it.
    #[serde(default)]
    new_password: String,
}

/// A change of address that is undone.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"token": "of-the-mail"}))]
pub(super) struct EmailUndo {
    /// The token of the mail.
    token: String,
}

/// Anyone. The answer never tells whether there is an account.
pub(super) async fn request_reset(
    mut call: Call,
    body: Json<ResetRequest>,
) -> Answer<Accepted<NothingYet>> {
    let ResetRequest { email } = body.read(&mut call).await?;
    let client = call.client();
    let message = RequestPasswordResetRequest { email, client };
    let request = call.vouched(call.context.call(None, message));
    let mut auth = call.auth();
    let answer = auth.request_password_reset(request).await?;
    call.note_limits(answer.metadata());
    Ok(accepted())
}

/// Anyone with the token of a mail.
pub(super) async fn confirm_reset(
    mut call: Call,
    body: Json<ResetConfirmation>,
) -> Answer<WithCookies<Done>> {
    call.state.site.refuse_other_page(&call.request)?;
    let of = body.read(&mut call).await?;
    let message = ConfirmPasswordResetRequest {
        token: of.token,
        new_password: of.new_password,
        client: call.client(),
    };
    let request = call.vouched(call.context.call(None, message));
    let mut auth = call.auth();
    let answer = auth.confirm_password_reset(request).await?;
    call.note_limits(answer.metadata());
    let answer = answer.into_inner();
    sessions::tell_ended(&call.state, answer.ended).await;
    Ok(done_on_device(&call, answer.device))
}

/// A person. Their other sessions end, and their machine tokens unless they are kept.
pub(super) async fn change(
    signed: Signed,
    mut call: Call,
    body: Json<PasswordChange>,
) -> Answer<Done> {
    let of = body.read(&mut call).await?;
    let request = call.vouched(signed.call(ChangePasswordRequest {
        current_password: of.current_password,
        new_password: of.new_password,
        keep_tokens: of.keep_tokens,
        client: call.client(),
    }));
    let mut auth = call.auth();
    let ended = auth.change_password(request).await?.into_inner().ended;
    sessions::tell_ended(&call.state, ended).await;
    Ok(Done)
}

/// Anyone with the token of a mail. Who is signed in to the account, or gives its password, loses nothing.
pub(super) async fn verify_email(
    mut call: Call,
    body: Json<EmailProof>,
) -> Answer<WithCookies<Done>> {
    call.state.site.refuse_other_page(&call.request)?;
    let token = shown_token(&call.request)?;
    let of = body.read(&mut call).await?;
    let message = VerifyEmailRequest {
        token: of.token,
        password: of.password,
        new_password: of.new_password,
        client: call.client(),
    };
    let shows_nothing =
        token.is_none() && message.password.is_empty() && message.new_password.is_empty();
    if shows_nothing && call.request.cookie(REFRESH_COOKIE).is_some() {
        return Err(renew_first().into());
    }
    let request = call.vouched(call.context.call(token.as_deref(), message));
    let mut auth = call.auth();
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
pub(super) async fn undo_email_change(mut call: Call, body: Json<EmailUndo>) -> Answer<Done> {
    let EmailUndo { token } = body.read(&mut call).await?;
    let client = call.client();
    let message = UndoEmailChangeRequest { token, client };
    let request = call.vouched(call.context.call(None, message));
    let mut auth = call.auth();
    let ended = auth.undo_email_change(request).await?.into_inner().ended;
    sessions::tell_ended(&call.state, ended).await;
    Ok(Done)
}

/// 204, on a device that the account knows from now on.
fn done_on_device(call: &Call, device: String) -> WithCookies<Done> {
    let device = given(device).map(|device| cookies::device(&call.state.site, device));
    WithCookies {
        reply: Done,
        cookies: device.into_iter().collect(),
    }
}

/// A person.
pub(super) async fn request_verification(
    signed: Signed,
    mut call: Call,
    body: NoFields,
) -> Answer<Accepted<NothingYet>> {
    body.read(&mut call).await?;
    let request = call.vouched(signed.call(RequestEmailVerificationRequest {
        client: call.client(),
    }));
    let mut auth = call.auth();
    auth.request_email_verification(request).await?;
    Ok(accepted())
}
