//! Prints `docs/redis.md`.
#![expect(
    clippy::print_stdout,
    reason = "printing the document is what this is for"
)]

fn main() {
    print!("{}", redis_contracts::reference_markdown());
}
