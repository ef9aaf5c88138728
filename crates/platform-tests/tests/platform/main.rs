//! The whole platform from outside: real processes on free ports, real Redis, real SQL.

mod bad_input;
mod change;
mod chaos;
mod grpc;
mod import;
mod left_behind;
mod live;
mod log;
mod readme;
mod redis_away;
mod rest;
mod sessions;
mod start;
