//! From messages.

use redis_contracts::{Position, Timestamp};
use rpc::auth as api;
use secrecy::SecretString;
use service_kit::{
    Problem,
    page::{Limit, wrong_cursor},
};
use uuid::Uuid;

use crate::{
    accounts::{
        AccountRequest, ChosenPassword, Credentials, LetterAnswer, PasswordAndCode, ProfileChange,
        ResetLetter, SecondStep,
    },
    domain::machine_token::Wanted,
    store::EventFilter,
};

impl From<api::RegisterRequest> for AccountRequest {
    fn from(asked: api::RegisterRequest) -> Self {
        Self {
            email: asked.email,
            handle: asked.handle,
            password: asked.password.into(),
        }
    }
}

impl From<api::LoginRequest> for Credentials {
    fn from(asked: api::LoginRequest) -> Self {
        Self {
            email: asked.email,
            password: asked.password.into(),
        }
    }
}

impl From<api::CompleteSecondFactorRequest> for SecondStep {
    fn from(asked: api::CompleteSecondFactorRequest) -> Self {
        Self {
            challenge: asked.challenge.into(),
            code: asked.code.into(),
        }
    }
}

impl From<api::ReauthenticateRequest> for PasswordAndCode {
    fn from(asked: api::ReauthenticateRequest) -> Self {
        Self {
            password: asked.password.into(),
            code: asked.code.into(),
        }
    }
}

impl From<api::VerifyEmailRequest> for LetterAnswer {
    fn from(asked: api::VerifyEmailRequest) -> Self {
        let given = |text: String| (!text.is_empty()).then(|| SecretString::from(text));
        Self {
            token: asked.token.into(),
            password: given(asked.password),
            new_password: given(asked.new_password),
        }
    }
}

impl From<api::UpdateMeRequest> for ProfileChange {
    fn from(asked: api::UpdateMeRequest) -> Self {
        Self {
            email: asked.email,
            handle: asked.handle,
            given: PasswordAndCode {
                password: asked.current_password.into(),
                code: asked.code.into(),
            },
        }
    }
}

impl From<api::ChangePasswordRequest> for ChosenPassword {
    fn from(asked: api::ChangePasswordRequest) -> Self {
        Self {
            current: asked.current_password.into(),
            new: asked.new_password.into(),
            keep_tokens: asked.keep_tokens,
        }
    }
}

impl TryFrom<api::CreateMachineTokenRequest> for Wanted {
    type Error = Problem;

    fn try_from(asked: api::CreateMachineTokenRequest) -> Result<Self, Problem> {
        let expires_on = asked.expires_on.as_deref();
        Self::check(&asked.name, &asked.scopes, expires_on, Timestamp::now())
    }
}

impl From<api::ConfirmPasswordResetRequest> for ResetLetter {
    fn from(asked: api::ConfirmPasswordResetRequest) -> Self {
        Self {
            token: asked.token.into(),
            new_password: asked.new_password.into(),
        }
    }
}

/// From before which account on accounts are asked for, and how many.
pub fn user_page(asked: &api::ListUsersRequest) -> Result<(Option<Uuid>, Limit), Problem> {
    let limit = Limit::asked(asked.limit)?;
    let before = match asked.cursor.as_str() {
        "" => None,
        text => Some(Uuid::try_parse(text).map_err(|_| wrong_cursor())?),
    };
    Ok((before, limit))
}

/// Which security events are asked for, and how many.
pub fn event_query(
    asked: &api::ListSecurityEventsRequest,
    user_id: Option<Uuid>,
) -> Result<(EventFilter, Limit), Problem> {
    let limit = Limit::asked(asked.limit)?;
    let before = match asked.cursor.as_str() {
        "" => None,
        text => Some(text.parse::<Position>().map_err(|_| wrong_cursor())?),
    };
    let filter = EventFilter {
        user_id,
        type_name: asked.r#type.clone(),
        from: asked.from.as_ref().map(rpc::timestamp_from),
        to: asked.to.as_ref().map(rpc::timestamp_from),
        before,
    };
    Ok((filter, limit))
}

/// An id in a request; one that is no UUID is not there.
pub fn uuid(text: &str, what: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::not_found(what))
}
