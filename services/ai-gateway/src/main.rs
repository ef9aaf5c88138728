//! The ai-gateway process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::process::run(ai_gateway::SERVICE, ai_gateway::build)
}
