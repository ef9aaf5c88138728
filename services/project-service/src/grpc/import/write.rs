//! The archive's way into SQL, a batch a transaction.

use std::{ops::ControlFlow, sync::Arc};

use rpc::project as api;
use service_kit::Problem;
use tokio::sync::mpsc;

use super::{Import, Places};
use crate::{
    domain::archive::{Archive, Piece},
    store::{COMMIT_BYTES, ImportBatch},
};

/// Issues and comments of one batch: so many,
const BATCH: usize = 50;

/// or fewer whose texts have so many bytes. Changes of others find room in the same commit.
const BATCH_BYTES: usize = COMMIT_BYTES / 4;

/// Batches that are ready beside the one that is being written.
const READY: usize = 1;

/// Writes a checked archive and tells of the progress; answers how it stands after the last batch.
pub(super) async fn write(
    import: Import,
    archive: Archive,
    places: Arc<Places>,
) -> Result<api::ImportArchiveResponse, Problem> {
    let mut told = api::ImportArchiveResponse {
        issues_total: count(archive.issue_total()),
        comments_total: count(archive.comment_total()),
        ..Default::default()
    };
    let (ready, mut batches) = mpsc::channel(READY);
    // Texts are brought into their stored form; that is work for a processor.
    let reading = tokio::task::spawn_blocking(move || {
        let _held_until_the_end = places;
        read_batches(&archive, &ready)
    });
    while let Some(pieces) = batches.recv().await {
        // A slow reader of the progress does not hold up the import.
        let _ = import.progress.try_send(told);
        let is_issue = |piece: &&Piece| matches!(piece, Piece::Issue(_));
        let issues = pieces.iter().filter(is_issue).count();
        told.issues_done += count(issues);
        told.comments_done += count(pieces.len() - issues);
        let batch = ImportBatch {
            project_id: import.project_id,
            pieces,
        };
        let imported = import.writer().write(import.actor(), batch).await?;
        told.issues_imported += imported.issues;
        told.comments_imported += imported.comments;
    }
    reading.await.map_err(Problem::internal)??;
    Ok(told)
}

/// Hands out the archive in batches until nobody takes them.
fn read_batches(archive: &Archive, ready: &mpsc::Sender<Vec<Piece>>) -> Result<(), Problem> {
    let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
    archive.for_each(|piece| {
        bytes += piece.text_bytes();
        batch.push(piece);
        if batch.len() < BATCH && bytes < BATCH_BYTES {
            return ControlFlow::Continue(());
        }
        bytes = 0;
        let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
        match ready.blocking_send(full) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    if !batch.is_empty() {
        // Whoever took them has gone.
        let _ = ready.blocking_send(batch);
    }
    Ok(())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
