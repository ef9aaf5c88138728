//! Sessions in use are slid, at most once a minute each and never in the way of a request.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;
use redis_contracts::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Caller;
use crate::RequestContext;

/// A session in use is slid when it was not for this long.
pub const SESSION_SLIDE: Duration = Duration::from_secs(60);

/// A slide that is not heard of is asked for again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(15);

/// Slides that may wait; one that finds no room is done by a later request.
const WAITING: usize = 256;

/// Slides asked for that are remembered.
const REMEMBERED: usize = 20_000;

/// One session to be slid.
pub(super) struct Slide {
    pub(super) token: Arc<str>,
    pub(super) context: RequestContext,
}

/// Asks for slides.
pub(super) struct Slides {
    waiting: mpsc::Sender<Slide>,
    asked: Cache<Uuid, Instant>,
}

impl Slides {
    pub(super) fn new() -> (Self, mpsc::Receiver<Slide>) {
        let (waiting, slides) = mpsc::channel(WAITING);
        let asked = Cache::new(REMEMBERED);
        (Self { waiting, asked }, slides)
    }

    /// Asks for a slide when it is due.
    pub(super) fn when_due(&self, caller: &Caller, now: Timestamp, context: &RequestContext) {
        let unseen_ms = now.unix_ms() - caller.last_seen().unix_ms();
        if unseen_ms < SESSION_SLIDE.as_millis() as i64 {
            return;
        }
        let asked = self.asked.get(&caller.session_id);
        if asked.is_some_and(|at| at.elapsed() < AGAIN_AFTER) {
            return;
        }
        let slide = Slide {
            token: Arc::clone(&caller.token),
            context: context.clone(),
        };
        if self.waiting.try_send(slide).is_ok() {
            self.asked.insert(caller.session_id, Instant::now());
        }
    }
}
