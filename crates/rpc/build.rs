//! Compiles `proto/` with protox, in Rust: no protoc is needed.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let proto = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let files = ["ai", "auth", "learning", "project"]
        .map(|name| format!("devmentor/{name}/v1/{name}.proto"));
    let mut compiler = protox::Compiler::new([&proto])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(files)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // With our own options, which the compiled descriptors do not hold.
    let descriptors = compiler.encode_file_descriptor_set();
    fs::write(out.join("descriptors.bin"), descriptors)?;
    tonic_prost_build::configure().compile_fds(compiler.file_descriptor_set())?;
    println!("cargo:rerun-if-changed={}", proto.display());
    Ok(())
}
