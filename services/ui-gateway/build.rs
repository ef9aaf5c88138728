//! Embeds the built web app. Without it the gateway is built all the same, and says so on its page.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hasher},
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

fn main() -> Result<(), Box<dyn Error>> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let dist = web.join("dist");
    // A path that is not there would count as changed each time.
    let watched = if dist.exists() { &dist } else { &web };
    println!("cargo:rerun-if-changed={}", watched.display());
    let mut files = Vec::new();
    if dist.exists() {
        list(&dist, &mut files)?;
    }
    let mut entries = Vec::new();
    for (index, file) in files.iter().enumerate() {
        entries.push(entry(&dist, file, &out.join(format!("{index}.asset")))?);
    }
    // Paths are found by binary search.
    entries.sort();
    let entries: String = entries.into_iter().map(|(_, entry)| entry).collect();
    fs::write(
        out.join("assets.rs"),
        format!("static ASSETS: &[Asset] = &[\n{entries}];\n"),
    )?;
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The path on the site, and the entry of the table. The bytes are copied to `kept`: the web app may be
/// built anew while the gateway is compiled.
fn entry(dist: &Path, file: &Path, kept: &Path) -> Result<(String, String), Box<dyn Error>> {
    let path = format!("/{}", file.strip_prefix(dist)?.display());
    let bytes = fs::read(file)?;
    fs::write(kept, &bytes)?;
    let gzip = compressed(&bytes)?;
    let gzip_source = if gzip.len() < bytes.len() {
        let gzip_kept = kept.with_extension("gz");
        fs::write(&gzip_kept, gzip)?;
        format!("Some(include_bytes!({gzip_kept:?}))")
    } else {
        "None".to_owned()
    };
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    let etag = format!("\"{:016x}\"", hasher.finish());
    let content_type = content_type(file);
    let mut source = String::new();
    writeln!(
        source,
        "Asset {{ path: {path:?}, content_type: {content_type:?}, etag: {etag:?}, \
         bytes: include_bytes!({kept:?}), gzip: {gzip_source} }},"
    )?;
    Ok((path, source))
}

fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
