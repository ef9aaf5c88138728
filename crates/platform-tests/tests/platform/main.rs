//! The whole platform from outside: real processes on free ports, real Redis, real SQL.

mod access;
mod account;
mod admin_accounts;
mod admin_streams;
mod bad_input;
mod broken_log;
mod browser;
mod change;
mod chaos;
mod full_streams;
mod grpc;
mod import;
mod left_behind;
mod limits;
mod live;
mod log;
mod mentor;
mod outlived;
mod own_topic;
mod readme;
mod redis_away;
mod rest;
mod sessions;
mod since;
mod start;
mod strangers_log;
