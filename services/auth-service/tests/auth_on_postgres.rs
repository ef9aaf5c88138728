//! The tests of `auth`, on PostgreSQL.

#[path = "auth/main.rs"]
mod auth;
