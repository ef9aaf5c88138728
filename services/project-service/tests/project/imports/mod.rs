//! Archives that arrive slowly, twice, not at all, or made to be large inside.

mod memory;
mod receiving;

use rpc::{
    project::{
        ImportArchiveRequest, ImportArchiveResponse, import_archive_request::Part,
        project_service_client::ProjectServiceClient,
    },
    tonic::Streaming,
};
use serde_json::{Value, json};
use service_kit::{Problem, RequestContext};
use test_kit::{Person, Platform};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{channel, id};

/// Bytes of a piece.
const PIECE: usize = 1 << 20;

/// An import that a test sends piece by piece.
pub(crate) struct Upload {
    pieces: mpsc::Sender<ImportArchiveRequest>,
    answers: Streaming<ImportArchiveResponse>,
}

impl Upload {
    /// Begins one; the service has let it in.
    pub(crate) async fn begin(
        platform: &Platform,
        person: &Person,
        project: &Value,
    ) -> Result<Self, Problem> {
        let (pieces, sent) = mpsc::channel(4);
        let first = Part::ProjectId(id(project).to_owned());
        let first = ImportArchiveRequest { part: Some(first) };
        pieces.send(first).await.expect("room");
        let context = RequestContext::from_headers(None, None);
        let request = context.call(Some(&person.token), ReceiverStream::new(sent));
        let mut client = ProjectServiceClient::new(channel(platform, None));
        let answers = client.import_archive(request).await?.into_inner();
        Ok(Self { pieces, answers })
    }

    /// Sends a piece; `false` when the service takes no more.
    pub(crate) async fn send(&self, piece: &[u8]) -> bool {
        let part = Some(Part::Chunk(piece.to_vec()));
        let sent = self.pieces.send(ImportArchiveRequest { part }).await;
        sent.is_ok()
    }

    /// Hangs up, once all that was sent has been taken.
    pub(crate) async fn give_up(self) {
        let all = self.pieces.max_capacity();
        drop(self.pieces.reserve_many(all).await);
    }

    /// Sends the rest of the archive and waits for the end.
    pub(crate) async fn finish(self, rest: &[u8]) -> Result<ImportArchiveResponse, Problem> {
        for piece in rest.chunks(PIECE) {
            if !self.send(piece).await {
                break;
            }
        }
        drop(self.pieces);
        end(self.answers).await
    }
}

/// The last that is told of an import.
async fn end(
    mut answers: Streaming<ImportArchiveResponse>,
) -> Result<ImportArchiveResponse, Problem> {
    let mut last = None;
    while let Some(told) = answers.message().await? {
        last = Some(told);
    }
    Ok(last.expect("an import tells of itself"))
}

/// A whole import.
pub(crate) async fn import(
    platform: &Platform,
    person: &Person,
    project: &Value,
    archive: &[u8],
) -> Result<ImportArchiveResponse, Problem> {
    let upload = Upload::begin(platform, person, project).await?;
    upload.finish(archive).await
}

/// An archive of so many issues.
pub(crate) fn archive(issues: usize) -> Vec<u8> {
    let issue = |number: usize| {
        json!({
            "id": format!("I{number}"), "number": number, "title": "An issue", "state": "OPEN",
            "createdAt": "2019-01-01T10:00:00Z", "comments": [],
        })
    };
    let issues: Vec<_> = (1..=issues).map(issue).collect();
    let archive = json!({"repo": "o/r", "issues": issues});
    archive.to_string().into_bytes()
}
