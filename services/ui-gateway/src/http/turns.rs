//! Whose request is next where answers or bodies can be long. Each takes a worker for milliseconds, so few
//! are made or read at once: what is short is answered in between, and the many of one person never stand
//! before the one of another.

use std::{num::NonZero, thread, time::Duration};

use service_kit::{
    Code, Problem,
    line::{Full, Line, Places, Turn},
};
use uuid::Uuid;

/// A body beyond this waits for its turn before it is read, an answer to a change before it is written.
pub(super) const LONG: usize = 32 * 1024;

/// Longest wait for a turn: behind a service that answers nothing it comes before that one's deadline.
const WITHIN: Duration = Duration::from_secs(2);

/// The turns of the process: at reading, and at writing what is long.
pub(crate) struct Turns {
    answers: Line,
    bodies: Line,
}

impl Turns {
    pub(crate) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        // As many as can be worked at, here and in the service that answers: more would only make what is
        // short wait for a processor. Half of them of one person.
        let places = Places {
            in_all: processors,
            of_each: processors.div_ceil(2),
            waiting_of_each: 256,
        };
        Self {
            answers: Line::new(places),
            bodies: Line::new(places),
        }
    }

    /// For an answer that can be long.
    pub(super) async fn at_answers(&self, person: Uuid) -> Result<Turn, Problem> {
        self.answers.turn(person, WITHIN).await.map_err(full)
    }

    /// For a long body.
    pub(super) async fn at_bodies(&self, person: Uuid) -> Result<Turn, Problem> {
        self.bodies.turn(person, WITHIN).await.map_err(full)
    }
}

fn full(full: Full) -> Problem {
    let (code, detail) = match full {
        Full::OfEach => (
            Code::RateLimited,
            "You are asking for much already; wait for the answers, then ask again.",
        ),
        Full::InAll => (
            Code::Unavailable,
            "Others are asking for much; try again shortly.",
        ),
    };
    Problem::new(code, detail)
}
