//! The whole platform from outside: real processes on free ports, real Redis, real SQL.

mod change;
mod grpc;
mod import;
mod live;
mod log;
mod sessions;
