//! The methods, each with who may call it.

use identity::bearer;
use redis_contracts::keys::Scope;
use rpc::auth::{self as api, auth_service_server::AuthService};
use service_kit::{Code, Problem};
use tonic::{Request, Response, Status};

use super::{
    AuthMethods,
    convert::{event_query, limited, user_page, uuid},
};
use crate::accounts::forbidden;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AuthService for AuthMethods {
    /// Anyone, unless registration is closed; then admins.
    async fn register(
        &self,
        request: Request<api::RegisterRequest>,
    ) -> Answer<api::RegisterResponse> {
        if self.accounts.sign_up.is_closed() {
            let admin = self.admin(request.metadata(), Scope::Write).await;
            admin.map_err(closed)?;
        }
        let origin = self.origin(&request, request.get_ref().client.clone());
        let asked = request.into_inner().into();
        let answer = self.accounts.sign_up.register(&origin, asked).await?;
        Ok(limited(answer, |user| api::RegisterResponse {
            user: user.map(Into::into),
        }))
    }

    /// Anyone.
    async fn login(&self, request: Request<api::LoginRequest>) -> Answer<api::LoginResponse> {
        let origin = self.origin(&request, request.get_ref().client.clone());
        let credentials = request.into_inner().into();
        let answer = self.accounts.sign_in.sign_in(&origin, credentials).await?;
        Ok(limited(answer, Into::into))
    }

    /// Anyone with a challenge.
    async fn complete_second_factor(
        &self,
        request: Request<api::CompleteSecondFactorRequest>,
    ) -> Answer<api::CompleteSecondFactorResponse> {
        let origin = self.origin(&request, request.get_ref().client.clone());
        let step = request.into_inner().into();
        let answer = self.accounts.sign_in.complete(&origin, step).await?;
        Ok(limited(answer, Into::into))
    }

    /// Anyone with a refresh token.
    async fn refresh(&self, request: Request<api::RefreshRequest>) -> Answer<api::RefreshResponse> {
        let origin = self.origin(&request, request.get_ref().client.clone());
        let token = &request.get_ref().refresh_token;
        let tokens = self.accounts.refresh.refresh(&origin, token).await?;
        Ok(Response::new(api::RefreshResponse {
            signed_in: Some(tokens.into()),
        }))
    }

    /// The session's own person. One that has ended is signed out already.
    async fn logout(&self, request: Request<api::LogoutRequest>) -> Answer<api::LogoutResponse> {
        let token = bearer(request.metadata())?;
        let heard = self.accounts.sessions.sign_out(token).await?;
        Ok(Response::new(api::LogoutResponse { heard }))
    }

    /// A person.
    async fn reauthenticate(
        &self,
        request: Request<api::ReauthenticateRequest>,
    ) -> Answer<api::ReauthenticateResponse> {
        let session = self.person(request.metadata()).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let given = request.into_inner().into();
        self.accounts
            .confirmation
            .confirm_again(&session, &origin, given)
            .await?;
        Ok(Response::new(api::ReauthenticateResponse {}))
    }

    /// Anyone.
    async fn request_password_reset(
        &self,
        request: Request<api::RequestPasswordResetRequest>,
    ) -> Answer<api::RequestPasswordResetResponse> {
        let origin = self.origin(&request, request.get_ref().client.clone());
        let email = &request.get_ref().email;
        let answer = self.accounts.password_reset.request(&origin, email).await?;
        Ok(limited(answer, |()| api::RequestPasswordResetResponse {}))
    }

    /// Anyone with the token of a mail.
    async fn confirm_password_reset(
        &self,
        request: Request<api::ConfirmPasswordResetRequest>,
    ) -> Answer<api::ConfirmPasswordResetResponse> {
        let origin = self.origin(&request, request.get_ref().client.clone());
        let letter = request.into_inner().into();
        let answer = self.accounts.password_reset.reset(&origin, letter).await?;
        Ok(limited(answer, Into::into))
    }

    /// A person.
    async fn change_password(
        &self,
        request: Request<api::ChangePasswordRequest>,
    ) -> Answer<api::ChangePasswordResponse> {
        let session = self.person(request.metadata()).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let chosen = request.into_inner().into();
        let ended = self
            .accounts
            .password_change
            .change(&session, &origin, chosen)
            .await?;
        Ok(Response::new(api::ChangePasswordResponse {
            ended: Some(ended.into()),
        }))
    }

    /// A person.
    async fn request_email_verification(
        &self,
        request: Request<api::RequestEmailVerificationRequest>,
    ) -> Answer<api::RequestEmailVerificationResponse> {
        let session = self.person(request.metadata()).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        self.accounts
            .email_proof
            .send_again(&session, &origin)
            .await?;
        Ok(Response::new(api::RequestEmailVerificationResponse {}))
    }

    /// Anyone with the token of a mail.
    async fn verify_email(
        &self,
        request: Request<api::VerifyEmailRequest>,
    ) -> Answer<api::VerifyEmailResponse> {
        let origin = self.origin(&request, request.get_ref().client.clone());
        let metadata = request.metadata().clone();
        let session = self.shown_session(&metadata);
        let answer = request.into_inner().into();
        let proven = self
            .accounts
            .email_proof
            .prove(&origin, session, answer)
            .await?;
        Ok(Response::new(proven.into()))
    }

    /// Anyone with the token of a mail.
    async fn undo_email_change(
        &self,
        request: Request<api::UndoEmailChangeRequest>,
    ) -> Answer<api::UndoEmailChangeResponse> {
        let origin = self.origin(&request, request.get_ref().client.clone());
        let token = &request.get_ref().token;
        let ended = self
            .accounts
            .email_return
            .bring_back(&origin, token)
            .await?;
        Ok(Response::new(api::UndoEmailChangeResponse {
            ended: Some(ended.into()),
        }))
    }

    /// Anyone signed in.
    async fn get_me(&self, request: Request<api::GetMeRequest>) -> Answer<api::GetMeResponse> {
        let caller = self.caller(request.metadata(), Scope::Read).await?;
        Ok(Response::new(api::GetMeResponse {
            session: Some(caller.into()),
        }))
    }

    /// A person; an address with their password.
    async fn update_me(
        &self,
        request: Request<api::UpdateMeRequest>,
    ) -> Answer<api::UpdateMeResponse> {
        let session = self.person(request.metadata()).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let change = request.into_inner().into();
        let user = self
            .accounts
            .profile
            .update(&session, &origin, change)
            .await?;
        Ok(Response::new(api::UpdateMeResponse {
            user: Some(user.into()),
        }))
    }

    /// A person, recently.
    async fn delete_me(
        &self,
        request: Request<api::DeleteMeRequest>,
    ) -> Answer<api::DeleteMeResponse> {
        let session = self.recent(request.metadata()).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let ended = self.accounts.deletion.delete(&session, &origin).await?;
        Ok(Response::new(api::DeleteMeResponse {
            ended: Some(ended.into()),
        }))
    }

    /// Anyone signed in; when the gateway asks, with an access token that may have expired.
    async fn check_session(
        &self,
        request: Request<api::CheckSessionRequest>,
    ) -> Answer<api::CheckSessionResponse> {
        let caller = self.socket_caller(&request).await?;
        self.accounts.sessions.restore_copy(&caller).await;
        let token = bearer(request.metadata())?;
        Ok(Response::new(api::CheckSessionResponse {
            access_token: self.accounts.callers.token_to_go_on(token, &caller)?,
            session: Some(caller.into()),
        }))
    }

    /// Anyone signed in.
    async fn touch_session(
        &self,
        request: Request<api::TouchSessionRequest>,
    ) -> Answer<api::TouchSessionResponse> {
        let caller = self.live_caller(request.metadata()).await?;
        let caller = self.accounts.sessions.slid(caller).await?;
        Ok(Response::new(api::TouchSessionResponse {
            session: Some(caller.into()),
        }))
    }

    /// A person.
    async fn list_sessions(
        &self,
        request: Request<api::ListSessionsRequest>,
    ) -> Answer<api::ListSessionsResponse> {
        let session = self.person(request.metadata()).await?;
        let sessions = self.accounts.sessions.list(session.user.id).await?;
        Ok(Response::new(api::ListSessionsResponse {
            sessions: sessions.into_iter().map(Into::into).collect(),
        }))
    }

    /// A person.
    async fn end_session(
        &self,
        request: Request<api::EndSessionRequest>,
    ) -> Answer<api::EndSessionResponse> {
        let session = self.person(request.metadata()).await?;
        let id = uuid(&request.get_ref().session_id, "session")?;
        let heard = self.accounts.sessions.end(session.user.id, id).await?;
        Ok(Response::new(api::EndSessionResponse { heard }))
    }

    /// A person.
    async fn end_other_sessions(
        &self,
        request: Request<api::EndOtherSessionsRequest>,
    ) -> Answer<api::EndOtherSessionsResponse> {
        let session = self.person(request.metadata()).await?;
        let ended = self.accounts.sessions.end_others(&session).await?;
        Ok(Response::new(ended.into()))
    }

    /// A person, recently.
    async fn begin_totp(
        &self,
        request: Request<api::BeginTotpRequest>,
    ) -> Answer<api::BeginTotpResponse> {
        let session = self.recent(request.metadata()).await?;
        let secret = self.accounts.second_factor.begin(&session).await?;
        Ok(Response::new(secret.into()))
    }

    /// A person, recently.
    async fn confirm_totp(
        &self,
        request: Request<api::ConfirmTotpRequest>,
    ) -> Answer<api::ConfirmTotpResponse> {
        let session = self.recent(request.metadata()).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let code = &request.get_ref().code;
        let recovery_codes = self
            .accounts
            .second_factor
            .confirm(&session, &origin, code)
            .await?;
        Ok(Response::new(api::ConfirmTotpResponse { recovery_codes }))
    }

    /// A person, recently.
    async fn remove_totp(
        &self,
        request: Request<api::RemoveTotpRequest>,
    ) -> Answer<api::RemoveTotpResponse> {
        let session = self.recent(request.metadata()).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        self.accounts
            .second_factor
            .remove(&session, &origin)
            .await?;
        Ok(Response::new(api::RemoveTotpResponse {}))
    }

    /// A person.
    async fn list_machine_tokens(
        &self,
        request: Request<api::ListMachineTokensRequest>,
    ) -> Answer<api::ListMachineTokensResponse> {
        let session = self.person(request.metadata()).await?;
        let listed = self.accounts.machine_tokens.list(session.user.id).await?;
        Ok(Response::new(api::ListMachineTokensResponse {
            machine_tokens: listed.into_iter().map(Into::into).collect(),
        }))
    }

    /// A person, recently: it outlives the session.
    async fn create_machine_token(
        &self,
        request: Request<api::CreateMachineTokenRequest>,
    ) -> Answer<api::CreateMachineTokenResponse> {
        let session = self.recent(request.metadata()).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let made = self
            .accounts
            .machine_tokens
            .create(&session, &origin, request.into_inner().try_into()?)
            .await?;
        Ok(Response::new(made.into()))
    }

    /// A person.
    async fn revoke_machine_token(
        &self,
        request: Request<api::RevokeMachineTokenRequest>,
    ) -> Answer<api::RevokeMachineTokenResponse> {
        let session = self.person(request.metadata()).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let id = uuid(&request.get_ref().id, "machine token")?;
        let heard = self
            .accounts
            .machine_tokens
            .revoke(&session, &origin, id)
            .await?;
        Ok(Response::new(api::RevokeMachineTokenResponse { heard }))
    }

    /// The caller's own: a person. Those of others: admins.
    async fn list_security_events(
        &self,
        request: Request<api::ListSecurityEventsRequest>,
    ) -> Answer<api::ListSecurityEventsResponse> {
        let asked = request.get_ref();
        let user_id = if !asked.user_id.is_empty() {
            self.admin(request.metadata(), Scope::Read).await?;
            Some(uuid(&asked.user_id, "account")?)
        } else if asked.all {
            self.admin(request.metadata(), Scope::Read).await?;
            None
        } else {
            Some(self.person(request.metadata()).await?.user.id)
        };
        let (filter, limit) = event_query(asked, user_id)?;
        let found = self.accounts.security_events.find(filter, limit).await?;
        Ok(Response::new(found.into()))
    }

    /// Admins.
    async fn list_users(
        &self,
        request: Request<api::ListUsersRequest>,
    ) -> Answer<api::ListUsersResponse> {
        self.admin(request.metadata(), Scope::Read).await?;
        let asked = request.get_ref();
        let (before, limit) = user_page(asked)?;
        let listed = self
            .accounts
            .administration
            .list(before, &asked.email, limit);
        Ok(Response::new(listed.await?.into()))
    }

    /// Admins.
    async fn set_user_roles(
        &self,
        request: Request<api::SetUserRolesRequest>,
    ) -> Answer<api::SetUserRolesResponse> {
        let admin = self.admin(request.metadata(), Scope::Write).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let asked = request.get_ref();
        let id = uuid(&asked.user_id, "account")?;
        let user = self
            .accounts
            .administration
            .change_roles(admin.user(), &origin, id, &asked.roles)
            .await?;
        Ok(Response::new(api::SetUserRolesResponse {
            user: Some(user.into()),
        }))
    }

    /// Admins.
    async fn unlock_user(
        &self,
        request: Request<api::UnlockUserRequest>,
    ) -> Answer<api::UnlockUserResponse> {
        let admin = self.admin(request.metadata(), Scope::Write).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let id = uuid(&request.get_ref().user_id, "account")?;
        self.accounts
            .administration
            .unlock(admin.user(), &origin, id)
            .await?;
        Ok(Response::new(api::UnlockUserResponse {}))
    }

    /// Admins in person, recently.
    async fn remove_user_totp(
        &self,
        request: Request<api::RemoveUserTotpRequest>,
    ) -> Answer<api::RemoveUserTotpResponse> {
        let admin = self.admin_in_person(request.metadata()).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let id = uuid(&request.get_ref().user_id, "account")?;
        self.accounts
            .administration
            .remove_second_factor(&admin.user, &origin, id)
            .await?;
        Ok(Response::new(api::RemoveUserTotpResponse {}))
    }

    /// Admins.
    async fn end_user_sessions(
        &self,
        request: Request<api::EndUserSessionsRequest>,
    ) -> Answer<api::EndUserSessionsResponse> {
        let admin = self.admin(request.metadata(), Scope::Write).await?;
        let origin = self.origin(&request, request.get_ref().client.clone());
        let id = uuid(&request.get_ref().user_id, "account")?;
        let ended = self
            .accounts
            .administration
            .end_all(admin.user(), &origin, id)
            .await?;
        Ok(Response::new(ended.into()))
    }

    /// Admins.
    async fn rotate_keys(
        &self,
        request: Request<api::RotateKeysRequest>,
    ) -> Answer<api::RotateKeysResponse> {
        self.admin(request.metadata(), Scope::Write).await?;
        let (kid, signs_from) = self.tokens.rotate_keys().await?;
        Ok(Response::new(api::RotateKeysResponse {
            kid,
            signs_from: Some(rpc::timestamp(signs_from)),
        }))
    }

    /// Anyone.
    async fn get_jwks(
        &self,
        _request: Request<api::GetJwksRequest>,
    ) -> Answer<api::GetJwksResponse> {
        Ok(Response::new(api::GetJwksResponse {
            jwks: self.tokens.jwks(),
        }))
    }

    /// Anyone. A gateway asks every second, and so is known by what it shows.
    async fn get_status(
        &self,
        request: Request<api::GetStatusRequest>,
    ) -> Answer<api::GetStatusResponse> {
        self.gateway.is_shown(&request);
        Ok(Response::new(api::GetStatusResponse {
            version: crate::SERVICE.version.to_owned(),
            database_ok: self.database.is_ok(),
        }))
    }
}

fn closed(problem: Problem) -> Problem {
    match problem.code {
        Code::Unavailable | Code::Internal => problem,
        _ => forbidden("Registration is closed; ask an admin for an account."),
    }
}
