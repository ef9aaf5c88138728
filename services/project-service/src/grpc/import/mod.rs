//! Importing an archive over gRPC: received whole, checked whole, then written a batch at a time.

mod receive;
mod uploads;
mod write;

use std::{sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use identity::Caller;
use rate_limits::DayShare;
use redis_contracts::keys::Scope;
use rpc::project::{self as api, import_archive_request::Part};
use service_kit::{Code, Problem, RequestContext};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Response, Status, Streaming};
use tracing::Instrument;
use uuid::Uuid;

use self::{
    receive::Pieces,
    uploads::{Upload, Uploads},
    write::write,
};
use super::{ImportStream, Projects, actor, id};
use crate::{
    domain::archive::Archive,
    store::{Actor, Writer},
};

/// Archives that are checked and written at once in the process.
const AT_ONCE: usize = 2;

/// Longest wait for a turn, of an archive that is here.
const TURN_WITHIN: Duration = Duration::from_secs(30);

/// Longest import, from its first piece to its last batch.
const WITHIN: Duration = Duration::from_secs(600);

/// Answers that wait for whoever reads slowly. Each says all that those before it did, so one for which
/// there is no room is left out.
const WAITING: usize = 16;

/// What imports of all people share.
pub(super) struct Imports {
    uploads: Uploads,
    turns: Arc<Semaphore>,
    /// Of archives.
    shares: DayShare,
}

impl Imports {
    pub(super) fn new(shares: DayShare) -> Self {
        Self {
            uploads: Uploads::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            shares,
        }
    }
}

/// What an import holds until the last of its work has ended, also work that cannot be cut short.
struct Places {
    _upload: Upload,
    _turn: OwnedSemaphorePermit,
}

/// An import on its way.
struct Import {
    projects: Projects,
    caller: Caller,
    context: RequestContext,
    project_id: Uuid,
    progress: mpsc::Sender<api::ImportArchiveResponse>,
}

impl Projects {
    /// The project's owner. The answer begins at once; faults of the archive are its first message.
    pub(super) async fn import_archive(
        &self,
        caller: Caller,
        context: RequestContext,
        parts: Streaming<api::ImportArchiveRequest>,
    ) -> Result<Response<ImportStream>, Problem> {
        let until = Instant::now() + WITHIN;
        let mut pieces = Pieces::new(parts);
        let Some(Part::ProjectId(project_id)) = pieces.next().await? else {
            return Err(Problem::invalid_field("project_id", "the first message"));
        };
        let project_id = id(&project_id, "project")?;
        let person = caller.user().id;
        self.imports.shares.admit(person)?;
        self.store.project(person, project_id).await?;
        let upload = self.imports.uploads.begin(person).await?;
        let (progress, answers) = mpsc::channel(WAITING);
        let import = Import {
            projects: self.clone(),
            caller,
            context,
            project_id,
            progress,
        };
        let work = async move {
            let done = timeout_at(until, import.run(pieces, upload)).await;
            done.unwrap_or_else(|_| Err(too_long()))
        };
        // A task of its own: who does not read the answers holds no place for longer. It ends with them.
        let work = AbortOnDropHandle::new(tokio::spawn(work.in_current_span()));
        Ok(Response::new(Box::pin(answered(answers, work))))
    }
}

impl Import {
    /// Receives, checks and writes; answers what the last batch did.
    async fn run(
        self,
        pieces: Pieces,
        upload: Upload,
    ) -> Result<api::ImportArchiveResponse, Problem> {
        let (person, imports) = (self.caller.user().id, &self.projects.imports);
        // What has arrived has cost, whatever becomes of it.
        let count = |bytes: usize| {
            imports.shares.admit_more(person, bytes as u64)?;
            imports.shares.spend(person, bytes as u64);
            Ok(())
        };
        let json = pieces.archive(&upload, count).await?;
        let turns = Arc::clone(&imports.turns);
        let turn = timeout(TURN_WITHIN, turns.acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
        let places = Arc::new(Places {
            _upload: upload,
            _turn: turn,
        });
        let archive = checked(json, Arc::clone(&places)).await?;
        self.look_again().await?;
        write(self, archive, places).await
    }

    /// Whoever has signed out while the archive was on its way writes nothing.
    async fn look_again(&self) -> Result<(), Problem> {
        let guard = &self.projects.guard;
        let caller = guard.check_again(&self.caller, &self.context).await?;
        caller.require(Scope::Write)
    }

    fn actor(&self) -> Actor {
        actor(&self.caller, &self.context)
    }

    fn writer(&self) -> &Writer {
        &self.projects.writer
    }
}

/// Checking is work for a processor; it must not hold up other calls.
async fn checked(json: Vec<u8>, places: Arc<Places>) -> Result<Archive, Problem> {
    let read = tokio::task::spawn_blocking(move || {
        let _held_until_the_end = places;
        Archive::read(json)
    });
    read.await.map_err(Problem::internal)?
}

type ImportMessage = Result<api::ImportArchiveResponse, Status>;

/// What is told of the progress, then how it ended.
fn answered(
    answers: mpsc::Receiver<api::ImportArchiveResponse>,
    work: AbortOnDropHandle<Result<api::ImportArchiveResponse, Problem>>,
) -> impl Stream<Item = ImportMessage> {
    stream::unfold((answers, Some(work)), async |(mut answers, mut work)| {
        if let Some(told) = answers.recv().await {
            return Some((Ok(told), (answers, work)));
        }
        let ended = work.take()?.await;
        let last = ended.map_err(Problem::internal).flatten();
        Some((last.map_err(Status::from), (answers, None)))
    })
}

fn busy() -> Problem {
    Problem::unavailable("A place for one more import (others are being imported)")
}

fn too_long() -> Problem {
    let minutes = WITHIN.as_secs() / 60;
    let detail = format!(
        "An import takes at most {minutes} minutes; send the archive again, and what is missing is added."
    );
    Problem::new(Code::DeadlineExceeded, detail)
}
