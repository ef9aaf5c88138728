//! The keys that sign access tokens: Ed25519, one PKCS#8 file each, its name the `kid`.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use jsonwebtoken::EncodingKey;
use serde_json::json;
use uuid::Uuid;

const EXTENSION: &str = "pk8";

/// Keys: the newest signs, all verify.
pub struct SigningKeys {
    kid: String,
    signing: EncodingKey,
    jwks: String,
}

impl SigningKeys {
    /// The keys in `<data_dir>/keys`; the first start makes one.
    pub fn load(data_dir: &Path) -> anyhow::Result<Self> {
        let folder = data_dir.join("keys");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let mut files = key_files(&folder)?;
        if files.is_empty() {
            files.push(make_key(&folder)?);
        }
        // Names are UUID v7, so that the last one is the newest.
        files.sort();
        let mut published = Vec::new();
        let mut newest = None;
        for file in &files {
            let (kid, pair, der) = read_key(file)?;
            published.push(json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid,
                "x": BASE64URL.encode(pair.public_key().as_ref()),
            }));
            newest = Some((kid, EncodingKey::from_ed_der(&der)));
        }
        let (kid, signing) = newest.context("no key")?;
        let jwks = json!({ "keys": published }).to_string();
        Ok(Self { kid, signing, jwks })
    }

    /// The id of the key that signs.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key that signs.
    pub const fn signing(&self) -> &EncodingKey {
        &self.signing
    }

    /// The public keys as a JWK set, RFC 7517 and RFC 8037.
    pub fn jwks(&self) -> &str {
        &self.jwks
    }
}

fn key_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths: Result<Vec<_>, _> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let is_key = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == EXTENSION)
    };
    Ok(paths?.into_iter().filter(is_key).collect())
}

fn make_key(folder: &Path) -> anyhow::Result<PathBuf> {
    let der = Ed25519KeyPair::generate()?.to_pkcs8v1()?;
    let path = folder.join(format!("{}.{EXTENSION}", Uuid::now_v7()));
    write_private(&path, der.as_ref())?;
    tracing::info!(kid = %path.file_stem().unwrap_or_default().display(), "made a signing key");
    Ok(path)
}

fn read_key(path: &Path) -> anyhow::Result<(String, Ed25519KeyPair, Vec<u8>)> {
    let shown = path.display();
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!(
            "{shown} can be read by others (mode {:o}); chmod 600 it",
            mode & 0o777
        );
    }
    let der = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
        .map_err(|_| anyhow::anyhow!("{shown} holds no Ed25519 key"))?;
    let kid = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .context("a key file needs a name")?;
    Ok((kid.to_owned(), pair, der))
}

/// Writes a file that only its owner may read, whole or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let partial = path.with_extension("partial");
    let written = || format!("cannot write {}", path.display());
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&partial)
        .with_context(written)?;
    // One that a crash left behind may have another mode.
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .with_context(written)?;
    file.write_all(bytes).with_context(written)?;
    file.sync_all().with_context(written)?;
    fs::rename(&partial, path).with_context(written)?;
    // Without this a power cut may take the name back.
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = SigningKeys::load(folder.path()).expect("keys");
        let again = SigningKeys::load(folder.path()).expect("keys");
        assert_eq!((first.kid(), first.jwks()), (again.kid(), again.jwks()));
        let file = key_files(&folder.path().join("keys"))
            .expect("files")
            .remove(0);
        assert_eq!(
            fs::metadata(&file).expect("a file").permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("changed");
        let refused = SigningKeys::load(folder.path())
            .err()
            .expect("refused")
            .to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
}
