//! Accounts, for admins.

use actix_web::HttpResponse;
use redis_contracts::resource::User;
use rpc::{
    Malformed,
    auth::{ListUsersRequest, SetUserRolesRequest},
};

use super::{
    Signed,
    call::Call,
    reply::{Answer, page},
};

/// The role of who runs the platform.
pub(super) const ADMIN: &str = "admin";

/// Admins: newest first.
pub(super) async fn list_users(signed: Signed, call: Call) -> Answer {
    signed.require_role(ADMIN)?;
    let query = call.query();
    let request = signed.call(ListUsersRequest {
        limit: query.limit()?,
        cursor: query.get("cursor").unwrap_or_default(),
        email: query.get("email").unwrap_or_default(),
    });
    let answer = call
        .state
        .upstream
        .auth
        .clone()
        .list_users(request)
        .await?
        .into_inner();
    page::<User, _>(answer.users, answer.next_cursor)
}

/// Admins. Replaces the account's roles.
pub(super) async fn change_user(signed: Signed, mut call: Call) -> Answer {
    signed.require_role(ADMIN)?;
    let user_id = call.id("account")?;
    let roles = call.patch(|body| body.texts("roles")).await?;
    let request = signed.call(SetUserRolesRequest { user_id, roles });
    let answer = call
        .state
        .upstream
        .auth
        .clone()
        .set_user_roles(request)
        .await?
        .into_inner();
    let user = User::try_from(answer.user.ok_or(Malformed("user"))?)?;
    Ok(HttpResponse::Ok().json(user))
}
