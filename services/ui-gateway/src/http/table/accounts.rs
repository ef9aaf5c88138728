//! The caller's own account, and how they sign in.

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
                .grpc(&["UpdateMe"]),
            )
            .delete(
                person(
                    "Deletes the caller's account; projects, conversations and the learning profile stay",
                    account::delete,
                )
                .grpc(&["DeleteMe"]),
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
                .answers(&[200]),
        ),
        path("/api/auth/login").post(
            anyone(
                "Signs in, or begins to where a second factor is set up",
                auth::login,
            )
            .grpc(&["Login"])
            .answers(&[200]),
        ),
        path("/api/auth/second-factor").post(
            anyone("The second step of a sign-in", auth::second_factor)
                .grpc(&["CompleteSecondFactor"])
                .answers(&[200]),
        ),
        path("/api/auth/register").post(
            anyone("Makes an account", auth::register)
                .grpc(&["Register"])
                .answers(&[201, 202]),
        ),
        path("/api/auth/password-reset/request").post(
            anyone(
                "Sends a mail to set a new password",
                passwords::request_reset,
            )
            .grpc(&["RequestPasswordReset"])
            .answers(&[202]),
        ),
        path("/api/auth/password-reset/confirm").post(
            anyone(
                "Sets a new password and ends all sessions and machine tokens",
                passwords::confirm_reset,
            )
            .grpc(&["ConfirmPasswordReset"])
            .answers(&[204]),
        ),
        path("/api/auth/verify-email").post(
            anyone("Proves an address", passwords::verify_email)
                .grpc(&["VerifyEmail"])
                .answers(&[204]),
        ),
        path("/api/auth/email/undo").post(
            anyone(
                "Brings an old address back and ends all that opens the account",
                passwords::undo_email_change,
            )
            .grpc(&["UndoEmailChange"])
            .answers(&[204]),
        ),
    ]
}

pub(super) fn own_sessions() -> Vec<Path> {
    vec![
        path("/api/auth/logout").post(
            person("Ends the caller's session", auth::logout)
                .grpc(&["Logout"])
                .answers(&[204]),
        ),
        path("/api/auth/reauthenticate").post(
            person("Confirms the caller's password", auth::reauthenticate)
                .grpc(&["Reauthenticate"])
                .answers(&[204]),
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
            .answers(&[204]),
        ),
        path("/api/auth/verify-email/request").post(
            person(
                "Sends a mail to prove the caller's address",
                passwords::request_verification,
            )
            .grpc(&["RequestEmailVerification"])
            .answers(&[202]),
        ),
    ]
}

pub(super) fn own_keys() -> Vec<Path> {
    vec![
        path("/api/me/totp")
            .post(
                person("A secret for a second factor", totp::begin)
                    .grpc(&["BeginTotp"])
                    .answers(&[200]),
            )
            .delete(person("Turns the second factor off", totp::remove).grpc(&["RemoveTotp"])),
        path("/api/me/totp/confirm").post(
            person("Turns the second factor on", totp::confirm)
                .grpc(&["ConfirmTotp"])
                .answers(&[200]),
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
                .grpc(&["CreateMachineToken"]),
            ),
        path("/api/me/tokens/{id}").delete(
            person("Revokes a machine token", machine_tokens::revoke).grpc(&["RevokeMachineToken"]),
        ),
    ]
}
