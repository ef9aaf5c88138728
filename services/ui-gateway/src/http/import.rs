//! Import of an issue archive: the body goes on to project-service as it arrives, and what that
//! tells of its progress comes back line by line.

use std::{rc::Rc, time::Duration};

use actix_web::{HttpResponse, web::Bytes};
use futures_util::{StreamExt, future, stream};
use rpc::project::{ImportArchiveRequest, ImportArchiveResponse, import_archive_request::Part};
use schemars::JsonSchema;
use serde::Serialize;
use service_kit::{Code, Problem};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{
    Document, Failure, Signed,
    call::Call,
    envelope::SharedContext,
    input::Archive,
    reply::{Answer, Reply, ResponseDoc},
    upload::Upload,
};

const NDJSON: &str = "application/x-ndjson";

/// The largest archive.
const LARGEST_ARCHIVE: usize = 64 * 1024 * 1024;

/// Pieces of the body on their way.
const PIECES: usize = 8;

/// An import may take this long, its upload included.
const WITHIN: Duration = Duration::from_secs(600);

/// One line of the answer.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ImportLine")]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Progress {
        issues_done: u32,
        issues_total: u32,
        comments_done: u32,
        comments_total: u32,
    },
    Done {
        issues_total: u32,
        comments_total: u32,
        issues_imported: u32,
        comments_imported: u32,
    },
    Error {
        problem: Document<'a>,
    },
}

/// Owners. What is wrong before the first write is the answer's own status.
pub(super) async fn import(signed: Signed, call: Call, body: Archive) -> Answer<ImportReply> {
    let project_id = call.id("project")?;
    let (context, state) = (Rc::clone(&call.context), call.state.clone());
    let open = state.drain.enter(&call.request);
    let body = body.pieces(call, LARGEST_ARCHIVE)?;
    let (parts, sent) = mpsc::channel(PIECES);
    let mut request = signed.call(ReceiverStream::new(sent));
    request.set_timeout(WITHIN);
    let begin = async {
        let mut client = state.upstream.streaming.clone();
        let mut progress = client.import_archive(request).await?.into_inner();
        let first = progress.message().await?;
        Ok::<_, Failure>((first, progress))
    };
    let both = future::try_join(send(project_id, body, parts), begin);
    let (_, (first, progress)) = tokio::time::timeout(WITHIN, both)
        .await
        .map_err(|_| too_long())??;
    let lines = lines(context, first, progress).map(move |line| {
        let _counted_until_the_last_line = &open;
        Ok::<_, actix_web::Error>(line)
    });
    let mut answer = HttpResponse::Ok();
    Ok(ImportReply(answer.content_type(NDJSON).streaming(lines)))
}

/// Lines of JSON, as the import goes on.
pub(super) struct ImportReply(HttpResponse);

impl Reply for ImportReply {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::of::<Line<'static>>(200, NDJSON)]
    }

    fn respond(self) -> HttpResponse {
        self.0
    }
}

/// Sends the body on. When the service takes no more, its answer says why.
async fn send(
    project_id: String,
    mut body: Upload,
    parts: mpsc::Sender<ImportArchiveRequest>,
) -> Result<(), Failure> {
    let mut part = Part::ProjectId(project_id);
    while parts
        .send(ImportArchiveRequest { part: Some(part) })
        .await
        .is_ok()
    {
        let Some(piece) = body.next().await? else {
            break;
        };
        part = Part::Chunk(piece.into());
    }
    Ok(())
}

fn too_long() -> Problem {
    let detail = format!("An import may take {} minutes.", WITHIN.as_secs() / 60);
    Problem::new(Code::RequestTimeout, detail)
}

/// Where the answer is.
struct Answering {
    context: SharedContext,
    /// Told, and not written yet.
    next: Result<Option<ImportArchiveResponse>, Status>,
    last: ImportArchiveResponse,
    progress: Streaming<ImportArchiveResponse>,
}

/// Progress until its end, then `done` or `error`.
fn lines(
    context: SharedContext,
    first: Option<ImportArchiveResponse>,
    progress: Streaming<ImportArchiveResponse>,
) -> impl futures_util::Stream<Item = Bytes> {
    let start = Answering {
        context,
        next: Ok(first),
        last: ImportArchiveResponse::default(),
        progress,
    };
    stream::unfold(Some(start), async |answering| {
        let mut answering = answering?;
        match answering.next {
            Ok(Some(told)) => {
                answering.next = answering.progress.message().await;
                answering.last = told;
                Some((written(&progressed(&told)), Some(answering)))
            }
            Ok(None) => Some((written(&done(&answering.last)), None)),
            Err(status) => {
                let problem = Problem::from(status);
                let problem = Document::new(&problem, &answering.context.request_id);
                Some((written(&Line::Error { problem }), None))
            }
        }
    })
}

const fn progressed(told: &ImportArchiveResponse) -> Line<'static> {
    Line::Progress {
        issues_done: told.issues_done,
        issues_total: told.issues_total,
        comments_done: told.comments_done,
        comments_total: told.comments_total,
    }
}

const fn done(last: &ImportArchiveResponse) -> Line<'static> {
    Line::Done {
        issues_total: last.issues_total,
        comments_total: last.comments_total,
        issues_imported: last.issues_imported,
        comments_imported: last.comments_imported,
    }
}

fn written(line: &Line<'_>) -> Bytes {
    // Numbers and texts can always be written.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
