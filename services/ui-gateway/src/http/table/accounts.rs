//! The caller's own account, and how they sign in.

use service_kit::Code;

use crate::http::{
    account, auth, export, limits, machine_tokens, me, passwords,
    route::{Path, anyone, path, person, signed_in},
    security_events, sessions, totp,
};

pub(super) fn own_account() -> Vec<Path> {
    vec![
        path("/api/me")
            .get(signed_in("The caller and their session", me::read).grpc(&["GetMe"]))
            .patch(
                person(
                    "Changes the caller's handle, or asks to change their address",
                    account::change,
                )
                .grpc(&["UpdateMe"])
                .problems(&[
                    Code::AccountLocked,
                    Code::Conflict,
                    Code::EmailTaken,
                    Code::HandleTaken,
                    Code::InvalidCredentials,
                    Code::ReauthenticationRequired,
                ]),
            )
            .delete(
                person(
                    "Deletes the caller's account; projects, conversations and the learning profile stay",
                    account::delete,
                )
                .grpc(&["DeleteMe"]).problems(&[Code::Conflict, Code::ReauthenticationRequired]),
            ),
        path("/api/me/limits").get(signed_in(
            "What the caller used of the limits, and what is left",
            limits::read,
        )),
        path("/api/me/export").get(
            person(
                "The caller's account, sessions, machine tokens, security events, projects and learning profile",
                export::read,
            )
            .grpc(&[
                "GetMe",
                "ListSessions",
                "ListMachineTokens",
                "ListSecurityEvents",
                "ListProjects",
                "GetProfile",
            ]),
        ),
        path("/api/me/security-events").get(
            person(
                "What happened to the caller's account, newest first",
                security_events::list_own,
            )
            .grpc(&["ListSecurityEvents"]),
        ),
    ]
}

pub(super) fn signing_in() -> Vec<Path> {
    vec![
        path("/api/auth/refresh").post(
            anyone("New tokens for a refresh token", auth::refresh)
                .grpc(&["Refresh"])
                .problems(&[
                    Code::Csrf,
                    Code::SessionEnded,
                    Code::TokenReused,
                    Code::Unauthenticated,
                ]),
        ),
        path("/api/auth/login").post(
            anyone(
                "Signs in, or begins to where a second factor is set up",
                auth::login,
            )
            .grpc(&["Login"])
            .problems(&[Code::AccountLocked, Code::Csrf, Code::InvalidCredentials]),
        ),
        path("/api/auth/second-factor").post(
            anyone("The second step of a sign-in", auth::second_factor)
                .grpc(&["CompleteSecondFactor"])
                .problems(&[Code::AccountLocked, Code::Csrf, Code::InvalidCredentials]),
        ),
        path("/api/auth/register").post(
            anyone("Makes an account", auth::register)
                .grpc(&["Register"])
                .problems(&[
                    Code::Csrf,
                    Code::EmailTaken,
                    Code::Forbidden,
                    Code::HandleTaken,
                    Code::SessionEnded,
                    Code::Unauthenticated,
                ]),
        ),
        path("/api/auth/password-reset/request").post(
            anyone(
                "Sends a mail to set a new password",
                passwords::request_reset,
            )
            .grpc(&["RequestPasswordReset"]),
        ),
        path("/api/auth/password-reset/confirm").post(
            anyone(
                "Sets a new password and ends all sessions and machine tokens",
                passwords::confirm_reset,
            )
            .grpc(&["ConfirmPasswordReset"])
            .problems(&[Code::Csrf, Code::InvalidCredentials]),
        ),
        path("/api/auth/verify-email").post(
            anyone("Proves an address", passwords::verify_email)
                .grpc(&["VerifyEmail"])
                .problems(&[
                    Code::AccountLocked,
                    Code::Csrf,
                    Code::EmailTaken,
                    Code::InvalidCredentials,
                    Code::ReauthenticationRequired,
                    Code::SessionEnded,
                    Code::Unauthenticated,
                ]),
        ),
        path("/api/auth/email/undo").post(
            anyone(
                "Brings an old address back and ends all that opens the account",
                passwords::undo_email_change,
            )
            .grpc(&["UndoEmailChange"])
            .problems(&[Code::EmailTaken, Code::InvalidCredentials]),
        ),
    ]
}

pub(super) fn own_sessions() -> Vec<Path> {
    vec![
        path("/api/auth/logout")
            .post(person("Ends the caller's session", auth::logout).grpc(&["Logout"])),
        path("/api/auth/reauthenticate").post(
            person("Confirms the caller's password", auth::reauthenticate)
                .grpc(&["Reauthenticate"])
                .problems(&[Code::AccountLocked, Code::InvalidCredentials]),
        ),
        path("/api/auth/sessions")
            .get(
                person("The caller's sessions, newest first", sessions::list)
                    .grpc(&["ListSessions"]),
            )
            .delete(
                person(
                    "Ends all sessions but this one, and all machine tokens",
                    sessions::end_others,
                )
                .grpc(&["EndOtherSessions"]),
            ),
        path("/api/auth/sessions/{id}").delete(
            person("Ends one of the caller's sessions", sessions::end).grpc(&["EndSession"]),
        ),
        path("/api/auth/password").post(
            person(
                "Changes the caller's password and ends their other sessions and machine tokens",
                passwords::change,
            )
            .grpc(&["ChangePassword"])
            .problems(&[Code::AccountLocked, Code::InvalidCredentials]),
        ),
        path("/api/auth/verify-email/request").post(
            person(
                "Sends a mail to prove the caller's address",
                passwords::request_verification,
            )
            .grpc(&["RequestEmailVerification"]),
        ),
    ]
}

pub(super) fn own_keys() -> Vec<Path> {
    vec![
        path("/api/me/totp")
            .post(
                person("A secret for a second factor", totp::begin)
                    .grpc(&["BeginTotp"])
                    .problems(&[Code::Conflict, Code::ReauthenticationRequired]),
            )
            .delete(
                person("Turns the second factor off", totp::remove)
                    .grpc(&["RemoveTotp"])
                    .problems(&[Code::ReauthenticationRequired]),
            ),
        path("/api/me/totp/confirm").post(
            person("Turns the second factor on", totp::confirm)
                .grpc(&["ConfirmTotp"])
                .problems(&[Code::Conflict, Code::ReauthenticationRequired]),
        ),
        path("/api/me/tokens")
            .get(
                person(
                    "The caller's machine tokens, newest first",
                    machine_tokens::list,
                )
                .grpc(&["ListMachineTokens"]),
            )
            .post(
                person(
                    "A new machine token; its secret is told once",
                    machine_tokens::create,
                )
                .grpc(&["CreateMachineToken"])
                .problems(&[Code::Conflict, Code::ReauthenticationRequired]),
            ),
        path("/api/me/tokens/{id}").delete(
            person("Revokes a machine token", machine_tokens::revoke).grpc(&["RevokeMachineToken"]),
        ),
    ]
}
