//! What the limits say of a request, and how an answer hands it on.

use rate_limits::{Asked, Limiter, Verdict};
use service_kit::{Problem, problem::RateHeaders};

/// An answer, and how the limits stand that its request was held against.
pub struct LimitedAnswer<T> {
    /// The answer.
    pub value: T,
    /// How they stand; nothing when none was asked.
    pub limits: Option<RateHeaders>,
}

impl<T> LimitedAnswer<T> {
    /// After this verdict.
    pub fn new(verdict: &Verdict, value: T) -> Self {
        Self {
            value,
            limits: verdict.headers(),
        }
    }
}

/// Refuses when one of these limits is used up.
pub async fn admit_all(limiter: &Limiter, asked: &[Asked]) -> Result<Verdict, Problem> {
    let verdict = limiter.admit(None, asked, 1).await;
    match verdict.refusal() {
        Some(refusal) => Err(refusal),
        None => Ok(verdict),
    }
}
