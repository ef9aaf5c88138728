//! Sessions in use are slid when a quarter of their idle time is gone, and never in the way of a request.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;
use redis_contracts::Timestamp;
use service_kit::RequestContext;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Caller;

/// A session lives for four quarters of its idle time after its last use. That use may have been up to one
/// quarter after the last slide, so a slide sets its end this many quarters ahead.
pub const QUARTERS_OF_LIFE: u64 = 5;

/// That a machine token is used is noted this often.
pub const MACHINE_USE_EVERY: Duration = Duration::from_secs(900);

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
    /// When a session was asked to be slid, and when it had been slid before.
    asked: Cache<Uuid, (Timestamp, Instant)>,
}

impl Slides {
    pub(super) fn new() -> (Self, mpsc::Receiver<Slide>) {
        let (waiting, slides) = mpsc::channel(WAITING);
        let asked = Cache::new(REMEMBERED);
        (Self { waiting, asked }, slides)
    }

    /// Asks for a slide when it is due.
    pub(super) fn when_due(&self, caller: &Caller, now: Timestamp, context: &RequestContext) {
        let last_seen = caller.last_seen();
        let is_due = match caller.is_machine() {
            true => is_use_noted(last_seen, now),
            false => is_slide_due(last_seen, caller.expires_at(), now),
        };
        if !is_due {
            return;
        }
        let asked = self.asked.get(&caller.session_id);
        if asked.is_some_and(|(of, at)| of == last_seen && at.elapsed() < AGAIN_AFTER) {
            return;
        }
        let slide = Slide {
            token: Arc::clone(&caller.token),
            context: context.clone(),
        };
        if self.waiting.try_send(slide).is_ok() {
            let asked = (last_seen, Instant::now());
            self.asked.insert(caller.session_id, asked);
        }
    }
}

/// Whether a session in use, slid at `last_seen`, is slid again: a quarter of its idle time is gone. It is
/// told by the session itself, whatever idle time this process was started with; before the absolute end
/// quarters are shorter.
pub fn is_slide_due(last_seen: Timestamp, expires_at: Timestamp, now: Timestamp) -> bool {
    let life_ms = expires_at.unix_ms() - last_seen.unix_ms();
    now.unix_ms() - last_seen.unix_ms() >= life_ms / QUARTERS_OF_LIFE.cast_signed()
}

/// Whether the use of a machine token, noted at `last_used`, is noted again.
pub fn is_use_noted(last_used: Timestamp, now: Timestamp) -> bool {
    now >= last_used.plus_seconds(MACHINE_USE_EVERY.as_secs())
}
