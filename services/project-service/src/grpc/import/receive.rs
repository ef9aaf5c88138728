//! The archive's way here: piece by piece, each within a bound of time.

use std::time::Duration;

use rpc::project::{self as api, import_archive_request::Part};
use service_kit::{Code, Problem};
use tokio::time::{Instant, timeout_at};
use tonic::Streaming;

use super::uploads::{LARGEST, Upload};

/// Longest silence between two pieces.
const SILENCE: Duration = Duration::from_secs(10);

/// The pieces of an archive, and until when the next has to be here.
pub(super) struct Pieces {
    stream: Streaming<api::ImportArchiveRequest>,
    until: Instant,
}

impl Pieces {
    pub(super) fn new(stream: Streaming<api::ImportArchiveRequest>) -> Self {
        Self {
            stream,
            until: Instant::now() + SILENCE,
        }
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Part>, Problem> {
        let message = timeout_at(self.until, self.stream.message()).await;
        let message = message.map_err(|_| silent())??;
        Ok(message.and_then(|message| message.part))
    }

    /// The whole archive; `fits` refuses one that has so many bytes.
    ///
    /// It is kept in memory, not in a file: the bytes that are checked and written from are those that
    /// arrived, so an import costs its archive once and little beside it, and [`Upload`] bounds them all.
    pub(super) async fn archive(
        mut self,
        upload: &Upload,
        fits: impl Fn(usize) -> Result<(), Problem>,
    ) -> Result<Vec<u8>, Problem> {
        let mut json = Vec::new();
        while let Some(part) = self.next_unless_overtaken(upload).await? {
            let Part::Chunk(chunk) = part else {
                return Err(Problem::invalid_field(
                    "chunk",
                    "every message after the first",
                ));
            };
            if json.len() + chunk.len() > LARGEST {
                let detail = format!("An archive has at most {} MiB.", LARGEST >> 20);
                return Err(Problem::new(Code::TooLarge, detail));
            }
            fits(json.len() + chunk.len())?;
            upload.take(chunk.len()).await?;
            json.extend_from_slice(&chunk);
            // An empty piece is silence.
            if !chunk.is_empty() {
                self.until = Instant::now() + SILENCE;
            }
        }
        upload.arrived();
        Ok(json)
    }

    async fn next_unless_overtaken(&mut self, upload: &Upload) -> Result<Option<Part>, Problem> {
        tokio::select! {
            part = self.next() => part,
            () = upload.overtaken() => Err(overtaken()),
        }
    }
}

fn silent() -> Problem {
    let seconds = SILENCE.as_secs();
    let detail = format!("Nothing of the archive arrived for {seconds} s; send it again.");
    Problem::new(Code::DeadlineExceeded, detail)
}

fn overtaken() -> Problem {
    let detail = "The archive arrives too slowly while others wait; send it again later.";
    Problem::new(Code::DeadlineExceeded, detail)
}
