//! Prints `docs/configuration.md`.
#![expect(
    clippy::print_stdout,
    reason = "printing the document is what this is for"
)]

fn main() {
    print!("{}", service_kit::config::reference_markdown());
}
