//! The platform itself: live updates, health, documents, and what admins see and do.

use service_kit::Code;

use crate::http::{
    admin as accounts, docs, health, jwks, openapi,
    route::{Path, admin, admin_in_person, anyone, path, signed_in},
    security_events, streams,
};

pub(super) fn platform() -> Vec<Path> {
    vec![
        path("/api/realtime/ws").get(signed_in("Live updates: a WebSocket", crate::live::connect)),
        path("/api/health").get(anyone("The platform's health", health::read)),
        path("/.well-known/jwks.json")
            .get(anyone("The keys of access tokens, RFC 7517", jwks::read).grpc(&["GetJwks"])),
        path("/api/openapi.json").get(anyone("This document", openapi::read)),
        path("/api/docs").get(anyone("This document as a page", docs::routes)),
        path("/api/docs/errors").get(anyone("The codes of problems, as a page", docs::errors)),
        path("/api/docs/style.css").get(anyone("How these pages look", docs::style)),
    ]
}

pub(super) fn admins() -> Vec<Path> {
    vec![
        path("/api/admin/users")
            .get(admin("Accounts, newest first", accounts::list_users).grpc(&["ListUsers"])),
        path("/api/admin/users/{id}").patch(
            admin("Replaces an account's roles", accounts::change_user)
                .grpc(&["SetUserRoles"])
                .problems(&[Code::Conflict]),
        ),
        path("/api/admin/users/{id}/unlock").post(
            admin("Lifts all locks and limits of an account", accounts::unlock)
                .grpc(&["UnlockUser"]),
        ),
        path("/api/admin/users/{id}/totp").delete(
            admin_in_person(
                "Turns the second factor of an account off",
                accounts::remove_totp,
            )
            .grpc(&["RemoveUserTotp"])
            .problems(&[Code::ReauthenticationRequired]),
        ),
        path("/api/admin/users/{id}/sessions").delete(
            admin(
                "Ends all sessions and machine tokens of an account",
                accounts::end_sessions,
            )
            .grpc(&["EndUserSessions"]),
        ),
        path("/api/admin/security-events").get(
            admin(
                "What happened to accounts, newest first",
                security_events::list,
            )
            .grpc(&["ListSecurityEvents"])
            .problems(&[Code::NotFound]),
        ),
        path("/api/admin/keys/rotate").post(
            admin(
                "Makes the key that signs access tokens from then on",
                accounts::rotate_keys,
            )
            .grpc(&["RotateKeys"]),
        ),
        path("/api/admin/streams").get(admin("Streams and their groups", streams::list)),
        path("/api/admin/dlq/{stream}")
            .get(admin("Dead letters, newest first", streams::dead_letters)),
    ]
}
