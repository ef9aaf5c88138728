//! Between messages and the types of the use cases.

use redis_contracts::{
    Position, Timestamp,
    event::Event,
    keys::{Scope, SessionRecord},
    resource::User,
};
use rpc::auth as api;
use secrecy::SecretString;
use service_kit::{
    Problem,
    page::{Limit, wrong_cursor},
};
use tonic::Response;
use uuid::Uuid;

use crate::{
    accounts::{
        AccountRequest, AppSecret, Caller, Challenge, ChosenPassword, Credentials, EndedAccess,
        LetterAnswer, LimitedAnswer, Listing, MadeToken, Outcome, PasswordAndCode, ProfileChange,
        ProvenEmail, ResetAccount, ResetLetter, SecondStep, SessionTokens,
    },
    domain::machine_token::Wanted,
    store::{EventFilter, MachineRow, SessionRow},
};

/// An answer whose metadata says how the limits stand.
pub(super) fn limited<T, M>(answer: LimitedAnswer<T>, message: impl FnOnce(T) -> M) -> Response<M> {
    let mut response = Response::new(message(answer.value));
    if let Some(limits) = answer.limits {
        limits.write_to(response.metadata_mut());
    }
    response
}

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

impl From<ResetAccount> for api::ConfirmPasswordResetResponse {
    fn from(account: ResetAccount) -> Self {
        Self {
            ended: Some(account.ended.into()),
            device: account.device,
        }
    }
}

impl From<MadeToken> for api::CreateMachineTokenResponse {
    fn from(made: MadeToken) -> Self {
        Self {
            machine_token: made.row.map(Into::into),
            token: made.text,
        }
    }
}

impl From<MachineRow> for api::MachineToken {
    fn from(row: MachineRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            scopes: scope_names(&row.scopes),
            created_at: Some(rpc::timestamp(row.created_at)),
            expires_on: row.expires_on,
            last_used_at: row.last_used_at.map(rpc::timestamp),
        }
    }
}

impl From<ProvenEmail> for api::VerifyEmailResponse {
    fn from(proven: ProvenEmail) -> Self {
        Self {
            device: proven.device,
            ended: proven.ended.map(Into::into),
        }
    }
}

impl From<AppSecret> for api::BeginTotpResponse {
    fn from(secret: AppSecret) -> Self {
        Self {
            secret: secret.base32.to_string(),
            uri: secret.uri.to_string(),
            qr_svg: secret.qr_svg.to_string(),
        }
    }
}

impl From<Listing<(Position, Event)>> for api::ListSecurityEventsResponse {
    fn from(found: Listing<(Position, Event)>) -> Self {
        let events = found.entries.into_iter();
        Self {
            events: events.map(|(_, event)| security_event(event)).collect(),
            next_cursor: found.next_cursor,
        }
    }
}

impl From<Listing<User>> for api::ListUsersResponse {
    fn from(found: Listing<User>) -> Self {
        Self {
            users: found.entries.into_iter().map(Into::into).collect(),
            next_cursor: found.next_cursor,
        }
    }
}

impl From<EndedAccess> for api::EndUserSessionsResponse {
    fn from(ended: EndedAccess) -> Self {
        Self {
            session_ids: ids(&ended.ids),
            heard: ended.heard,
        }
    }
}

impl From<EndedAccess> for api::EndOtherSessionsResponse {
    fn from(ended: EndedAccess) -> Self {
        Self {
            session_ids: ids(&ended.ids),
            heard: ended.heard,
        }
    }
}

impl From<EndedAccess> for api::Ended {
    fn from(ended: EndedAccess) -> Self {
        Self {
            ids: ids(&ended.ids),
            heard: ended.heard,
        }
    }
}

/// From before which account on accounts are asked for, and how many.
pub(super) fn user_page(asked: &api::ListUsersRequest) -> Result<(Option<Uuid>, Limit), Problem> {
    let limit = Limit::asked(asked.limit)?;
    let before = match asked.cursor.as_str() {
        "" => None,
        text => Some(Uuid::try_parse(text).map_err(|_| wrong_cursor())?),
    };
    Ok((before, limit))
}

/// Which security events are asked for, and how many.
pub(super) fn event_query(
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

impl From<Outcome> for api::LoginResponse {
    fn from(outcome: Outcome) -> Self {
        use api::login_response::Outcome as Message;
        let outcome = match outcome {
            Outcome::SignedIn(tokens) => Message::SignedIn(tokens.into()),
            Outcome::SecondFactor(challenge) => Message::SecondFactor(challenge.into()),
        };
        Self {
            outcome: Some(outcome),
        }
    }
}

impl From<Challenge> for api::Challenge {
    fn from(challenge: Challenge) -> Self {
        Self {
            challenge: challenge.secret,
            expires_in: challenge.expires_in_s,
        }
    }
}

impl From<SessionTokens> for api::CompleteSecondFactorResponse {
    fn from(tokens: SessionTokens) -> Self {
        Self {
            signed_in: Some(tokens.into()),
        }
    }
}

impl From<SessionTokens> for api::SignedIn {
    fn from(tokens: SessionTokens) -> Self {
        Self {
            access_token: tokens.access.text,
            expires_in: u32::try_from(tokens.access.expires_in_s).unwrap_or(u32::MAX),
            refresh_token: tokens.refresh.text(),
            session: Some(tokens.session.into()),
            device: tokens.device,
        }
    }
}

impl From<SessionRow> for api::Session {
    fn from(row: SessionRow) -> Self {
        session(row.id, row.record())
    }
}

impl From<MachineRow> for api::Session {
    fn from(row: MachineRow) -> Self {
        session(row.id, row.record())
    }
}

impl From<Caller> for api::Session {
    fn from(caller: Caller) -> Self {
        match caller {
            Caller::Person(row) => row.into(),
            Caller::Machine(row) => row.into(),
        }
    }
}

fn security_event(event: Event) -> api::SecurityEvent {
    let data = event.body.security().cloned().unwrap_or_default();
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    api::SecurityEvent {
        id: event.id.to_string(),
        r#type: event.body.type_name().to_owned(),
        time: Some(rpc::timestamp(event.time)),
        user_id: id(data.user_id),
        actor_id: id(Some(event.actor).filter(|actor| !actor.is_nil())),
        session_id: id(data.session_id),
        agent: data.agent.unwrap_or_default(),
        address: data.address.unwrap_or_default(),
        detail: data.detail.unwrap_or_default(),
    }
}

fn session(id: Uuid, record: SessionRecord) -> api::Session {
    let time = |moment: Timestamp| Some(rpc::timestamp(moment));
    api::Session {
        id: id.to_string(),
        user: Some(record.user.into()),
        created_at: time(record.created_at),
        expires_at: time(record.expires_at),
        last_seen: time(record.last_seen),
        agent: record.agent,
        address: record.address,
        version: record.version,
        machine: record.machine.map(|machine| api::MachineAccess {
            sha256: machine.sha256,
            scopes: scope_names(&machine.scopes),
        }),
    }
}

fn scope_names(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(|scope| scope.name().to_owned()).collect()
}

/// An id in a request; one that is no UUID is not there.
pub(super) fn uuid(text: &str, what: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::not_found(what))
}

/// Ids as texts.
fn ids(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}
