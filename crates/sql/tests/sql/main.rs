//! What services rely on: databases, and the relay of what was committed.

mod database;
mod relay;

use service_kit::Service;

const SERVICE: Service = Service {
    name: "project-service",
    version: "0.1.0",
    http_port: 8082,
    grpc_port: Some(50052),
    ops_port: 8082,
};
