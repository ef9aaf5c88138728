//! Prints `docs/openapi.json`.
#![expect(
    clippy::print_stdout,
    reason = "printing the document is what this is for"
)]

fn main() {
    print!("{}", ui_gateway::openapi());
}
