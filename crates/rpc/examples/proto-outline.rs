//! Writes what callers of the services rely on, for `crates/rpc/tests/released/`.

use std::io::Write;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let outline = rpc::outline()?;
    writeln!(std::io::stdout().lock(), "{}", outline.join("\n"))?;
    Ok(())
}
