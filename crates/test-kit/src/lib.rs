//! For tests and benchmarks: real Redis servers, real services on free ports, and a wire that can be
//! cut. Everything started here ends, and every file made here goes, when its value is dropped.
//!
//! What cannot be started panics: a test that has not got what it needs has failed.

mod live;
mod person;
mod platform;
mod ports;
mod proxy;
mod redis_server;
mod service_process;
mod wait;

pub use live::{Live, Lost};
pub use person::{Answer, Person};
pub use platform::{ADMIN_EMAIL, ADMIN_PASSWORD, Platform, PlatformBuilder};
pub use ports::free_port;
pub use proxy::Proxy;
pub use redis_server::RedisServer;
pub use service_process::{ServiceProcess, binary};
pub use wait::{PATIENCE, eventually};
