//! Mail as files, where no mail server is set.

use std::path::{Path, PathBuf};

use service_kit::private_file;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::MailFault;

/// A folder of `.eml` files, which mail programs open. Their names are in the order of their ids.
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    /// Makes the folder, for its owner alone: links in mail are as good as passwords.
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        private_file::make_folder(folder)?;
        let folder = folder.to_owned();
        Ok(Self { folder })
    }

    /// Writes one, whole or not at all.
    pub(super) async fn write(&self, id: Uuid, message: Vec<u8>) -> Result<(), MailFault> {
        let path = self.folder.join(format!("{id}.eml"));
        let written = spawn_blocking(move || private_file::write(&path, &message)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(MailFault::Transient(format!("{error:#}"))),
            Err(error) => Err(MailFault::Transient(error.to_string())),
        }
    }
}
