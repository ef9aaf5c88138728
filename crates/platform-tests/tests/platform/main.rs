//! The whole platform from outside: real processes on free ports, real Redis, real SQL.

mod admin_streams;
mod bad_input;
mod change;
mod chaos;
mod grpc;
mod import;
mod left_behind;
mod live;
mod log;
mod mentor;
mod own_topic;
mod readme;
mod redis_away;
mod rest;
mod sessions;
mod since;
mod start;
