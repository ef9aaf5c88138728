//! The archive's way here: piece by piece, at the pace of every upload.

use std::time::Duration;

use rpc::project::{self as api, import_archive_request::Part};
use service_kit::{
    Code, Problem,
    pace::{PACE_BYTES, PACE_WITHIN},
};
use tokio::time::{Instant, timeout};
use tonic::Streaming;

use super::uploads::{LARGEST, Upload};

/// The pieces of an archive, and whether they come fast enough.
pub(super) struct Pieces {
    stream: Streaming<api::ImportArchiveRequest>,
    /// Bytes that count for the pace, and what is left of the time for them.
    bytes: usize,
    left: Duration,
}

impl Pieces {
    pub(super) fn new(stream: Streaming<api::ImportArchiveRequest>) -> Self {
        Self {
            stream,
            bytes: 0,
            left: PACE_WITHIN,
        }
    }

    /// The next piece; `None` at the end. Only the time spent here counts as its sender's.
    pub(super) async fn next(&mut self) -> Result<Option<Part>, Problem> {
        let began = Instant::now();
        let message = timeout(self.left, self.stream.message()).await;
        let message = message.map_err(|_| too_slow())??;
        self.left = self.left.saturating_sub(began.elapsed());
        Ok(message.and_then(|message| message.part))
    }

    /// The whole archive; `count` takes its bytes from whatever its sender has a share of, or refuses them.
    ///
    /// It is kept in memory, not in a file: the bytes that are checked and written from are those that
    /// arrived, so an import costs its archive once and little beside it, and [`Upload`] bounds them all.
    pub(super) async fn archive(
        mut self,
        upload: &Upload,
        count: impl Fn(usize) -> Result<(), Problem>,
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
            count(chunk.len())?;
            upload.take(chunk.len()).await?;
            json.extend_from_slice(&chunk);
            self.bytes += chunk.len();
            if self.bytes >= PACE_BYTES {
                (self.bytes, self.left) = (0, PACE_WITHIN);
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

fn too_slow() -> Problem {
    let (kib, seconds) = (PACE_BYTES / 1024, PACE_WITHIN.as_secs());
    let detail = format!("The archive came too slowly: at least {kib} KiB in {seconds} s.");
    Problem::new(Code::RequestTimeout, detail)
}

fn overtaken() -> Problem {
    let detail = "The archive arrives too slowly while others wait; send it again later.";
    Problem::new(Code::RequestTimeout, detail)
}
