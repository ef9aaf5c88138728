//! Importing an archive over gRPC: received whole, checked whole, then written a batch at a time.

use std::{sync::Arc, time::Duration};

use futures_util::stream;
use rpc::project::{self as api, import_archive_request::Part};
use service_kit::{Code, Problem};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tonic::{Response, Status, Streaming};
use uuid::Uuid;

use super::{ImportStream, Projects, id};
use crate::{
    domain::archive::Archive,
    store::{Actor, ImportBatch, Imported, Step, Writer, steps},
};

/// Largest archive.
const LARGEST: usize = 64 << 20;

/// Imports at once in the process; an archive is held in memory until it is written.
pub(super) const AT_ONCE: usize = 2;

/// Longest wait for a turn.
const TURN_WITHIN: Duration = Duration::from_secs(2);

/// Steps of one transaction.
const BATCH: usize = 50;

/// An import on its way.
enum Import {
    Receiving(Streaming<api::ImportArchiveRequest>, OwnedSemaphorePermit),
    Writing(Work),
    Ended,
}

struct Work {
    archive: Arc<Archive>,
    steps: Arc<[Step]>,
    done: usize,
    imported: Imported,
    /// Held until the archive is let go.
    _turn: OwnedSemaphorePermit,
}

impl Projects {
    /// The project's owner. The answer begins at once; faults of the archive are its first message.
    pub(super) async fn import_archive(
        &self,
        actor: Actor,
        mut parts: Streaming<api::ImportArchiveRequest>,
    ) -> Result<Response<ImportStream>, Problem> {
        let first = parts.message().await?.and_then(|message| message.part);
        let Some(Part::ProjectId(project_id)) = first else {
            return Err(Problem::invalid_field("project_id", "the first message"));
        };
        let project_id = id(&project_id, "project")?;
        self.store.project(actor.user_id, project_id).await?;
        let turn = timeout(TURN_WITHIN, Arc::clone(&self.imports).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
        let writer = self.writer.clone();
        let import = stream::unfold(Import::Receiving(parts, turn), move |import| {
            let (writer, actor) = (writer.clone(), actor.clone());
            async move { next(import, project_id, &writer, actor).await }
        });
        Ok(Response::new(Box::pin(import)))
    }
}

type Told = Result<api::ImportArchiveResponse, Status>;

async fn next(
    import: Import,
    project_id: Uuid,
    writer: &Writer,
    actor: Actor,
) -> Option<(Told, Import)> {
    let worked = match import {
        Import::Receiving(parts, turn) => receive(parts, turn).await,
        Import::Writing(work) => work.write_batch(project_id, writer, actor).await,
        Import::Ended => return None,
    };
    Some(match worked {
        Ok(work) => {
            let told = work.progress();
            let ended = work.done == work.steps.len();
            (
                Ok(told),
                if ended {
                    Import::Ended
                } else {
                    Import::Writing(work)
                },
            )
        }
        Err(problem) => (Err(problem.into()), Import::Ended),
    })
}

fn busy() -> Problem {
    Problem::unavailable("A place for one more import (others are being imported)")
}

async fn receive(
    mut parts: Streaming<api::ImportArchiveRequest>,
    turn: OwnedSemaphorePermit,
) -> Result<Work, Problem> {
    let mut json = Vec::new();
    while let Some(message) = parts.message().await? {
        let Some(Part::Chunk(chunk)) = message.part else {
            return Err(Problem::invalid_field(
                "chunk",
                "every message after the first",
            ));
        };
        if json.len() + chunk.len() > LARGEST {
            let detail = format!("An archive has at most {} MiB.", LARGEST >> 20);
            return Err(Problem::new(Code::TooLarge, detail));
        }
        json.extend_from_slice(&chunk);
    }
    // Checking is work for a processor; it must not hold up other calls.
    let read = tokio::task::spawn_blocking(move || Archive::read(&json)).await;
    let archive = read.map_err(Problem::internal)??;
    Ok(Work {
        steps: steps(&archive).into(),
        archive: Arc::new(archive),
        done: 0,
        imported: Imported::default(),
        _turn: turn,
    })
}

impl Work {
    async fn write_batch(
        mut self,
        project_id: Uuid,
        writer: &Writer,
        actor: Actor,
    ) -> Result<Self, Problem> {
        let end = (self.done + BATCH).min(self.steps.len());
        let batch = ImportBatch {
            project_id,
            archive: Arc::clone(&self.archive),
            steps: Arc::clone(&self.steps),
            batch: self.done..end,
        };
        let imported = writer.write(actor, batch).await?;
        self.imported.issues += imported.issues;
        self.imported.comments += imported.comments;
        self.done = end;
        Ok(self)
    }

    fn progress(&self) -> api::ImportArchiveResponse {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let steps = &self.steps[..self.done];
        let issues_done = steps
            .iter()
            .filter(|step| matches!(step, Step::Issue(_)))
            .count();
        api::ImportArchiveResponse {
            issues_total: count(self.archive.issues.len()),
            comments_total: count(self.archive.comment_total()),
            issues_done: count(issues_done),
            comments_done: count(steps.len() - issues_done),
            issues_imported: self.imported.issues,
            comments_imported: self.imported.comments,
        }
    }
}
