//! Private keys: Ed25519, one PKCS#8 file each, its name the `kid`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::EncodingKey;
use redis_contracts::Timestamp;
use service_kit::private_file;
use uuid::Uuid;

use crate::store::PublicKey;

const EXTENSION: &str = "pk8";

/// A key that this process can sign with.
pub struct PrivateKey {
    /// What signs.
    pub signing: EncodingKey,
    /// What verifies.
    pub public: PublicKey,
}

/// The newest key in a folder; the first one is made.
pub fn newest(folder: &Path) -> anyhow::Result<PrivateKey> {
    private_file::make_folder(folder)?;
    // Names are UUID v7, so that the last one is the newest.
    match paths(folder)?.last() {
        Some(path) => read(path),
        None => make(folder),
    }
}

/// Makes a key.
pub fn make(folder: &Path) -> anyhow::Result<PrivateKey> {
    let der = Ed25519KeyPair::generate()?.to_pkcs8v1()?;
    let path = folder.join(format!("{}.{EXTENSION}", Uuid::now_v7()));
    private_file::write(&path, der.as_ref())?;
    let key = read(&path)?;
    tracing::info!(kid = %key.public.kid, "made a signing key");
    Ok(key)
}

/// Deletes all keys but this one.
pub fn keep_only(folder: &Path, kid: &str) -> anyhow::Result<()> {
    for path in paths(folder)? {
        if path.file_stem().is_some_and(|stem| stem != kid) {
            fs::remove_file(&path).with_context(|| format!("cannot delete {}", path.display()))?;
        }
    }
    Ok(())
}

fn paths(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_key = path
            .extension()
            .is_some_and(|extension| extension == EXTENSION);
        if is_key {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> anyhow::Result<PrivateKey> {
    let der = private_file::read(path)?;
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
        .map_err(|_| anyhow::anyhow!("{} holds no Ed25519 key", path.display()))?;
    let kid = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .context("a key file needs a name")?;
    Ok(PrivateKey {
        signing: EncodingKey::from_ed_der(&der),
        public: PublicKey {
            kid: kid.to_owned(),
            public_key: pair.public_key().as_ref().to_vec(),
            created_at: made_at(kid),
        },
    })
}

/// A file that somebody put there under another name is older than all.
fn made_at(kid: &str) -> Timestamp {
    let id = Uuid::try_parse(kid).ok();
    let seconds_nanos = id
        .and_then(|id| id.get_timestamp())
        .map(|time| time.to_unix());
    seconds_nanos.map_or_else(Timestamp::default, |(seconds, nanos)| {
        let unix_ms = seconds.cast_signed().saturating_mul(1000) + i64::from(nanos / 1_000_000);
        Timestamp::from_unix_ms(unix_ms)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("keys");
        let first = newest(&folder).expect("a key");
        let again = newest(&folder).expect("a key");
        assert_eq!(first.public, again.public);
        let age_ms = Timestamp::now().unix_ms() - first.public.created_at.unix_ms();
        assert!((0..60_000).contains(&age_ms), "{age_ms}");
        let file = paths(&folder).expect("files").remove(0);
        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("changed");
        let refused = newest(&folder).err().expect("refused").to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    #[test]
    fn the_newest_signs_and_the_others_can_go() {
        let folder = tempfile::tempdir().expect("a folder");
        newest(folder.path()).expect("a key");
        let second = make(folder.path()).expect("a key");
        let held = newest(folder.path()).expect("a key");
        assert_eq!(held.public.kid, second.public.kid);
        keep_only(folder.path(), &second.public.kid).expect("deleted");
        assert_eq!(paths(folder.path()).expect("files").len(), 1);
    }
}
