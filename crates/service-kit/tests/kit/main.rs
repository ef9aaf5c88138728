//! What every process relies on.

mod config;
mod config_faults;
mod grpc;

use service_kit::Service;

const GATEWAY: Service = Service {
    name: "ui-gateway",
    version: "0.1.0",
    http_port: 8080,
    grpc_port: None,
    ops_port: 8090,
};

const AUTH: Service = Service {
    name: "auth-service",
    version: "0.1.0",
    http_port: 8081,
    grpc_port: Some(50051),
    ops_port: 8081,
};
