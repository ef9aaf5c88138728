//! The auth-service process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::process::run(auth_service::SERVICE, auth_service::build)
}
