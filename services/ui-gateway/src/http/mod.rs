//! The public API: every route, and for each the handler that translates it.

mod admin;
mod app;
mod auth;
mod call;
mod chat;
mod comments;
pub(crate) mod envelope;
mod events;
mod failure;
mod fields;
mod header;
mod health;
mod import;
pub(crate) mod jwks;
mod learning;
mod me;
mod mentor;
mod precondition;
mod projects;
mod reply;
mod route;
mod signed;
mod streams;
mod summary;
mod tasks;
#[cfg(test)]
mod tests;

use actix_web::web::{self, ServiceConfig};

pub use failure::{Document, Failure};
pub use signed::Signed;

use route::path;

/// All routes, the busiest first: they are tried in this order.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(path("/api/me").get(me::read).done())
        .service(
            path("/api/tasks/{id}")
                .get(tasks::read)
                .patch(tasks::change)
                .delete(tasks::delete)
                .done(),
        )
        .service(
            path("/api/projects/{id}/tasks")
                .get(tasks::list)
                .post(tasks::create)
                .done(),
        )
        .service(
            path("/api/tasks/{id}/comments")
                .get(comments::list)
                .post(comments::create)
                .done(),
        )
        .service(
            path("/api/comments/{id}")
                .patch(comments::change)
                .delete(comments::delete)
                .done(),
        )
        .service(
            path("/api/projects")
                .get(projects::list)
                .post(projects::create)
                .done(),
        )
        .service(
            path("/api/projects/{id}")
                .get(projects::read)
                .patch(projects::change)
                .delete(projects::delete)
                .done(),
        )
        .service(path("/api/projects/{id}/events").get(events::list).done())
        .service(
            path("/api/projects/{id}/import")
                .post(import::import)
                .done(),
        )
        .service(path("/api/projects/{id}/summary").get(summary::read).done())
        .service(path("/api/ai/chat").post(chat::chat).done())
        .service(path("/api/feedback").post(mentor::rate).done())
        .service(path("/api/interactions").post(mentor::interact).done())
        .service(path("/api/learning/profile").get(learning::read).done())
        .service(path("/api/auth/login").post(auth::login).done())
        .service(path("/api/auth/logout").post(auth::logout).done())
        .service(path("/api/auth/register").post(auth::register).done())
        .service(path("/api/realtime/ws").get(crate::live::connect).done())
        .service(path("/api/health").get(health::read).done())
        .service(path("/api/admin/users").get(admin::list_users).done())
        .service(
            path("/api/admin/users/{id}")
                .patch(admin::change_user)
                .done(),
        )
        .service(path("/api/admin/streams").get(streams::list).done())
        .service(
            path("/api/admin/dlq/{stream}")
                .get(streams::dead_letters)
                .done(),
        )
        .service(path("/.well-known/jwks.json").get(jwks::read).done());
    for page in app::PAGES {
        config.service(path(page).get(app::page).done());
    }
    config.default_service(web::to(app::file));
}
