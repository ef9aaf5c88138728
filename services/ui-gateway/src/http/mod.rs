//! The public API: `table` has every route, and the other modules the handlers that translate it.

mod account;
mod admin;
mod answers;
mod app;
mod argument;
mod auth;
mod call;
mod chat;
mod comments;
mod cookies;
mod cors;
mod docs;
pub(crate) mod envelope;
mod events;
mod export;
mod failure;
mod header;
mod health;
mod idempotency;
mod import;
mod input;
mod jwks;
mod learning;
mod limits;
mod machine_tokens;
mod me;
mod mentor;
mod openapi;
mod passwords;
mod precondition;
mod projects;
mod reply;
mod reporting;
mod route;
mod security_events;
mod sessions;
mod signed;
mod streams;
mod summary;
mod table;
mod tasks;
#[cfg(test)]
mod tests;
mod totp;
mod turns;
pub(crate) mod upload;

use actix_web::web::{self, ServiceConfig};

pub use self::{
    failure::{Document, Failure},
    openapi::openapi,
    signed::Signed,
};
pub(crate) use self::{reply::Switched, signed::caller_of, table::shapes, turns::Turns};

use self::{
    route::{anyone, path},
    table::table,
};

/// All routes: the API's, then the web app's.
pub(crate) fn routes(config: &mut ServiceConfig) {
    for of_the_api in table() {
        config.service(of_the_api.done());
    }
    for page in app::PAGES {
        let page = path(page).get(anyone("A page of the web app", app::page));
        config.service(page.done());
    }
    config.default_service(web::to(app::file));
}
