//! The public face of the platform: REST and the web app. A domain rule lives in the service that
//! owns it, never here: the gateway knows who calls, reads what they sent, asks the service over
//! gRPC, and writes the answer.

mod assets;
mod client;
mod connections;
mod contract;
mod forwarded;
pub mod http;
mod limits;
mod live;
mod metrics;
mod platform;
mod server;
mod shares;
mod state;
mod upstream;

use service_kit::{Context, Service};

pub use http::openapi;
pub use state::State;

/// What the process is called and where it listens.
pub const SERVICE: Service = Service {
    name: "ui-gateway",
    version: env!("CARGO_PKG_VERSION"),
    http_port: 8080,
    grpc_port: None,
    ops_port: 8090,
};

/// Assembles the service: its tasks are in the context's supervisor.
pub async fn build(mut context: Context) -> anyhow::Result<Context> {
    let listener = context.bind(context.settings.http.addr)?;
    let state = State::assemble(&mut context)?;
    server::start(&mut context, listener, state)?;
    Ok(context)
}
