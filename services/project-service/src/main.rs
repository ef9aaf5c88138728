//! The project-service process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::process::run(project_service::SERVICE, project_service::build)
}
