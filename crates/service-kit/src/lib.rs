//! What every process needs: settings, telemetry, a supervisor, health, problems and gRPC. A service is `build`, then `run` until stopped; `main` decides nothing.

mod checker;
pub mod config;
pub mod grpc;
pub mod health;
pub mod line;
pub mod metrics;
pub mod ops;
pub mod pace;
pub mod page;
pub mod private_file;
mod probe;
pub mod problem;
pub mod process;
pub mod request;
pub mod revision;
pub mod streams_memory;
pub mod supervisor;
pub mod telemetry;
mod uptime;

pub use checker::Checker;
pub use config::Settings;
pub use problem::{Code, FieldError, Problem};
pub use process::{Context, Service};
pub use request::RequestContext;
pub use supervisor::{Stage, Supervisor};
pub use uptime::uptime;
