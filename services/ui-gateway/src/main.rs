//! The ui-gateway process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::process::run(ui_gateway::SERVICE, ui_gateway::build)
}
