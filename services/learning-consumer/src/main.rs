//! The learning-consumer process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::process::run(learning_consumer::SERVICE, learning_consumer::build)
}
