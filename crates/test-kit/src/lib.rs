//! For tests and benchmarks: real servers (Redis, PostgreSQL, mail), real services on free ports, and
//! a wire that can be cut. Everything started here ends, and every file made here goes, when its value
//! is dropped.
//!
//! What cannot be started panics: a test that has not got what it needs has failed.

mod bucket;
mod live;
mod person;
mod platform;
mod ports;
mod postgres;
mod proxy;
mod redis_server;
mod service_process;
mod smtp;
mod wait;

pub use bucket::Bucket;
pub use live::{Live, Lost};
pub use person::{Answer, Person};
pub use platform::{ADMIN_EMAIL, ADMIN_PASSWORD, AnotherGateway, Platform, PlatformBuilder};
pub use ports::free_port;
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use redis_server::RedisServer;
pub use service_process::{ServiceProcess, binary};
pub use smtp::{Mail, MailServer};
pub use wait::{PATIENCE, eventually};
