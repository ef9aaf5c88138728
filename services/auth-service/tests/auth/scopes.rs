//! Every method, and what it takes to call it: a table beside the contract.

use std::{collections::BTreeSet, future::Future, pin::Pin};

use rpc::{
    auth::{self as api, auth_service_client::AuthServiceClient},
    tonic::transport::Channel,
};
use service_kit::Problem;

use super::{Auth, answer, call};

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Takes {
    /// Anyone.
    Nothing,
    /// Anyone signed in, with whatever scope.
    Anything,
    /// A machine token with the scope read will do.
    Read,
    /// A person.
    Person,
    /// The role admin; a machine token with the scopes admin and read.
    AdminRead,
    /// The role admin; a machine token with the scopes admin and write.
    AdminWrite,
}

type Answer = Pin<Box<dyn Future<Output = Result<(), Problem>> + Send>>;
type Ask = fn(AuthServiceClient<Channel>, String) -> Answer;

macro_rules! methods {
    ($($name:literal $method:ident $request:ident $takes:ident,)+) => {
        const METHODS: &[(&str, Takes, Ask)] = &[$((
            $name,
            Takes::$takes,
            |mut client, token| Box::pin(async move {
                let request = call(&token, api::$request::default());
                answer(client.$method(request).await).map(drop)
            }),
        )),+];
    };
}

methods! {
    "Register" register RegisterRequest Nothing,
    "Login" login LoginRequest Nothing,
    "CompleteSecondFactor" complete_second_factor CompleteSecondFactorRequest Nothing,
    "Refresh" refresh RefreshRequest Nothing,
    "Reauthenticate" reauthenticate ReauthenticateRequest Person,
    "RequestPasswordReset" request_password_reset RequestPasswordResetRequest Nothing,
    "ConfirmPasswordReset" confirm_password_reset ConfirmPasswordResetRequest Nothing,
    "ChangePassword" change_password ChangePasswordRequest Person,
    "RequestEmailVerification" request_email_verification RequestEmailVerificationRequest Person,
    "VerifyEmail" verify_email VerifyEmailRequest Nothing,
    "UndoEmailChange" undo_email_change UndoEmailChangeRequest Nothing,
    "GetMe" get_me GetMeRequest Read,
    "UpdateMe" update_me UpdateMeRequest Person,
    "CheckSession" check_session CheckSessionRequest Anything,
    "TouchSession" touch_session TouchSessionRequest Anything,
    "ListSessions" list_sessions ListSessionsRequest Read,
    "EndSession" end_session EndSessionRequest Person,
    "EndOtherSessions" end_other_sessions EndOtherSessionsRequest Person,
    "BeginTotp" begin_totp BeginTotpRequest Person,
    "ConfirmTotp" confirm_totp ConfirmTotpRequest Person,
    "RemoveTotp" remove_totp RemoveTotpRequest Person,
    "ListMachineTokens" list_machine_tokens ListMachineTokensRequest Read,
    "CreateMachineToken" create_machine_token CreateMachineTokenRequest Person,
    "RevokeMachineToken" revoke_machine_token RevokeMachineTokenRequest Person,
    "ListSecurityEvents" list_security_events ListSecurityEventsRequest Read,
    "ListUsers" list_users ListUsersRequest AdminRead,
    "SetUserRoles" set_user_roles SetUserRolesRequest AdminWrite,
    "RemoveUserTotp" remove_user_totp RemoveUserTotpRequest Person,
    "UnlockUser" unlock_user UnlockUserRequest AdminWrite,
    "EndUserSessions" end_user_sessions EndUserSessionsRequest AdminWrite,
    "RotateKeys" rotate_keys RotateKeysRequest AdminWrite,
    "GetJwks" get_jwks GetJwksRequest Nothing,
    "GetStatus" get_status GetStatusRequest Nothing,
    // These end what the others need, so they come last.
    "DeleteMe" delete_me DeleteMeRequest Person,
    "Logout" logout LogoutRequest Person,
}

impl Takes {
    fn lets_in(self, scopes: &[&str]) -> bool {
        let has = |scope| scopes.contains(&scope);
        match self {
            Self::Nothing | Self::Anything => true,
            Self::Read => has("read"),
            Self::Person => false,
            Self::AdminRead => has("admin") && has("read"),
            Self::AdminWrite => has("admin") && has("write"),
        }
    }
}

/// Whether somebody was let in, whatever became of it then.
fn was_let_in(answer: &Result<(), Problem>) -> bool {
    let refusal = answer.as_ref().err().map(|problem| problem.code.name());
    !matches!(refusal, Some("forbidden" | "unauthenticated"))
}

#[test]
fn the_table_has_every_method_of_the_contract() {
    let contract = include_str!("../../../../proto/devmentor/auth/v1/auth.proto");
    let of_contract = contract.lines().filter_map(|line| {
        let (name, _) = line.trim().strip_prefix("rpc ")?.split_once('(')?;
        Some(name)
    });
    let of_table: BTreeSet<_> = METHODS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(of_table, of_contract.collect());
}

#[tokio::test]
async fn a_machine_token_may_what_its_scopes_say_and_no_method_of_a_person() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    for scopes in [
        &["read"][..],
        &["write"],
        &["admin"],
        &["read", "admin"],
        &["write", "admin"],
        &["read", "write", "admin"],
    ] {
        let machine = auth.machine(&admin, scopes).await;
        for (name, takes, ask) in METHODS {
            if *takes == Takes::Nothing {
                continue;
            }
            let answer = ask(auth.client(), machine.token.clone()).await;
            assert_eq!(
                was_let_in(&answer),
                takes.lets_in(scopes),
                "{name} {scopes:?}: {answer:?}"
            );
            if let Err(problem) = &answer {
                assert_ne!(problem.code.name(), "internal", "{name}");
            }
        }
    }
    let stays = auth.check(&admin.token).await;
    stays.expect("no machine has ended anything of a person");
}

#[tokio::test]
async fn without_a_token_only_what_is_for_anyone_answers() {
    let auth = Auth::start().await;
    for (name, takes, ask) in METHODS {
        for token in ["", "junk", "dmp_junk"] {
            let answer = ask(auth.client(), token.to_owned()).await;
            let code = answer.err().map(|problem| problem.code.name());
            if *takes == Takes::Nothing {
                // What is refused here is refused for its content.
                let of_content = [Some("invalid"), Some("invalid_credentials"), None];
                let is_token = *name == "Refresh" && code == Some("unauthenticated");
                assert!(of_content.contains(&code) || is_token, "{name}: {code:?}");
            } else {
                let refusals = [Some("unauthenticated"), Some("forbidden")];
                assert!(refusals.contains(&code), "{name}: {code:?}");
                let is_machine = token.starts_with("dmp_") && *takes == Takes::Person;
                assert_eq!(
                    code == Some("forbidden"),
                    is_machine,
                    "{name} {token}: {code:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_takes_an_admin_refuses_everyone_else() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let machine = auth.machine(&reader, &["read", "write", "admin"]).await;
    for (name, takes, ask) in METHODS {
        if ["DeleteMe", "Logout", "EndOtherSessions"].contains(name) {
            continue;
        }
        let of_admins = matches!(takes, Takes::AdminRead | Takes::AdminWrite);
        let person = ask(auth.client(), reader.token.clone()).await;
        assert_eq!(forbidden(&person), of_admins, "{name}: {person:?}");
        if of_admins {
            let machine = ask(auth.client(), machine.token.clone()).await;
            assert!(forbidden(&machine), "{name}: {machine:?}");
        }
    }
}

fn forbidden(answer: &Result<(), Problem>) -> bool {
    answer
        .as_ref()
        .is_err_and(|problem| problem.code.name() == "forbidden")
}
