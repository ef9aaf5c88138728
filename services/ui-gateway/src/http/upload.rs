//! Bodies as they arrive: bounded in bytes, in pace, and in what all of them hold together, so that
//! neither large nor slow ones take the room of others.

use std::time::{Duration, Instant};

use actix_web::{
    HttpMessage, HttpRequest,
    dev::Payload,
    http::header::CONTENT_LENGTH,
    web::{Bytes, BytesMut},
};
use futures_util::StreamExt;
use service_kit::{
    Code, Problem,
    pace::{PACE_BYTES, PACE_WITHIN},
};
use tokio::time::timeout;

use super::signed::IsSignedIn;
use crate::connections::{self, Kind, Room, Spent};

/// The largest JSON body.
const LARGEST_BODY: usize = 1024 * 1024;

/// The largest one of a request that nobody has signed in for.
const SMALL: usize = 16 * 1024;

/// Small bodies have so long in all, and no pace.
const SMALL_WITHIN: Duration = Duration::from_secs(30);

/// A body with the room that it takes of others.
pub(super) type Collected = (Bytes, Option<Room>);

/// A body that arrives.
pub(super) struct Upload {
    payload: Payload,
    largest: usize,
    received: usize,
    is_large: bool,
    /// Bytes of the window, and what is left of its time.
    window_bytes: usize,
    window_left: Duration,
}

impl Upload {
    /// Of at most so many bytes; refused when it says that it has more.
    pub(super) fn new(
        request: &HttpRequest,
        payload: Payload,
        largest: usize,
    ) -> Result<Self, Problem> {
        let length = request.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > largest as u64) {
            return Err(too_large(largest));
        }
        let is_large = length.is_some_and(|length| length > SMALL as u64);
        Ok(Self {
            payload,
            largest,
            received: 0,
            is_large,
            window_bytes: 0,
            window_left: if is_large { PACE_WITHIN } else { SMALL_WITHIN },
        })
    }

    /// The next piece; `None` at the end. Only the time spent here counts as its sender's.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let began = Instant::now();
        let arrived = timeout(self.window_left, self.payload.next()).await;
        let Some(piece) = arrived.map_err(|_| too_slow())? else {
            return Ok(None);
        };
        let piece = piece.map_err(cut_off)?;
        self.received += piece.len();
        if self.received > self.largest {
            return Err(too_large(self.largest));
        }
        self.window_left = self.window_left.saturating_sub(began.elapsed());
        self.window_bytes += piece.len();
        self.is_large |= self.received > SMALL;
        if self.is_large && self.window_bytes >= PACE_BYTES {
            (self.window_bytes, self.window_left) = (0, PACE_WITHIN);
        }
        Ok(Some(piece))
    }
}

/// The whole body of a request, in the room that its sender may hold.
pub(super) async fn collect(request: &HttpRequest, payload: Payload) -> Result<Collected, Problem> {
    let mut room = connections::place(request).map(|place| place.room(Kind::Bodies));
    let largest = match request.extensions().contains::<IsSignedIn>() {
        true => LARGEST_BODY,
        false => SMALL,
    };
    let mut upload = Upload::new(request, payload, largest)?;
    let mut body = BytesMut::new();
    while let Some(piece) = upload.next().await? {
        if let Some(room) = &mut room {
            room.grow(piece.len()).map_err(no_room)?;
        }
        body.extend_from_slice(&piece);
    }
    Ok((body.freeze(), room))
}

fn no_room(spent: Spent) -> Problem {
    match spent {
        Spent::OfEach => {
            let detail = "You are sending too many bodies at once; wait for the answers to some.";
            Problem::new(Code::RateLimited, detail)
        }
        Spent::InAll => {
            let detail = "Too many bodies are being sent at once; try again shortly.";
            Problem::new(Code::Unavailable, detail)
        }
    }
}

/// A body larger than this route takes.
fn too_large(largest: usize) -> Problem {
    const MIB: usize = 1 << 20;
    let bound = match largest {
        MIB.. => format!("{} MiB", largest / MIB),
        _ => format!("{} KiB", largest / 1024),
    };
    Problem::new(
        Code::TooLarge,
        format!("The body may have {bound} at most."),
    )
}

fn too_slow() -> Problem {
    let detail = format!(
        "The body came too slowly: at least {} KiB in {} seconds.",
        PACE_BYTES / 1024,
        PACE_WITHIN.as_secs()
    );
    Problem::new(Code::RequestTimeout, detail)
}

/// A body that did not arrive whole.
fn cut_off(reason: impl std::fmt::Display) -> Problem {
    Problem::new(
        Code::Malformed,
        format!("The body cannot be read: {reason}."),
    )
}
