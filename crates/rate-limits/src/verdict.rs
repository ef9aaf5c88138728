//! What was decided over a request.

use std::time::Duration;

use redis_contracts::{Timestamp, script::Limit};
use service_kit::{Code, Problem, problem::RateHeaders};

use super::{Asked, headers::rate_headers, window};
use crate::policy::{Policy, Window};

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Redis, for all processes.
    Redis,
    /// This process, by what it knows.
    Local,
}

impl By {
    /// The name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Local => "local",
        }
    }
}

/// How a policy stands after a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The policy.
    pub policy: &'static Policy,
    /// How much it allows.
    pub allowed: u64,
    /// In how long.
    pub window: Duration,
    /// Whether it admits the request. One that does is not charged when another does not.
    pub admitted: bool,
    /// What is left.
    pub left: u64,
    /// Refused: until what was asked for is there. Else until there is more than `left`: one of a
    /// rate, where none is left, and all of a quota.
    pub wait: Duration,
}

impl Standing {
    /// Until what is used is there again; while nothing is left, until something is.
    pub fn reset(&self) -> Duration {
        let used = self.allowed.saturating_sub(self.left);
        match self.policy.window {
            Window::Sliding(_) if self.admitted && self.left > 0 => self
                .window
                .mul_f64(used as f64 / self.allowed.max(1) as f64),
            _ => self.wait,
        }
    }
}

/// A decision over a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How long a lock still stands. The limits were not asked then.
    pub locked: Option<Duration>,
    /// How each policy stands, in the order they were asked.
    pub standings: Vec<Standing>,
    /// Who decided.
    pub by: By,
}

impl Verdict {
    pub(super) fn new(
        by: By,
        decision: Decision,
        asked: &[Asked],
        limits: &[Limit],
        now: Timestamp,
    ) -> Self {
        let each = asked.iter().zip(limits).zip(decision.ruled);
        let standings = each.map(|((asked, limit), ruled)| Standing {
            policy: asked.policy,
            allowed: limit.allows,
            window: window::length(asked.policy.window, now),
            admitted: ruled.admitted,
            left: ruled.left,
            wait: ruled.wait,
        });
        Self {
            by,
            locked: decision.locked,
            standings: standings.collect(),
        }
    }

    /// Whether no lock stands and no policy refuses.
    pub fn is_admitted(&self) -> bool {
        self.locked.is_none() && self.standings.iter().all(|standing| standing.admitted)
    }

    /// Whether this policy refuses, and nothing else.
    pub fn refuses_only(&self, policy: &Policy) -> bool {
        let refuses = |standing: &Standing| !standing.admitted;
        let others = self.standings.iter().filter(|of| of.policy != policy);
        !self.is_admitted() && self.locked.is_none() && !others.into_iter().any(refuses)
    }

    /// What the caller is told when the request is not admitted: a lock before a limit.
    pub fn refusal(&self) -> Option<Problem> {
        if let Some(left) = self.locked {
            let detail = format!(
                "Too many wrong passwords. Try again in {}, or set a new password by mail.",
                words(left)
            );
            return Some(self.problem(Code::AccountLocked, detail, left));
        }
        let refusing = self.standings.iter().filter(|standing| !standing.admitted);
        let longest = refusing.max_by_key(|standing| standing.wait)?;
        let detail = format!(
            "There may be {} {} in {}. Try again in {}.",
            longest.allowed,
            longest.policy.limits,
            words(longest.window),
            words(longest.wait)
        );
        Some(self.problem(Code::RateLimited, detail, longest.wait))
    }

    /// How the policies stand, as answers tell it; nothing when none was asked.
    pub fn headers(&self) -> Option<RateHeaders> {
        rate_headers(&self.standings)
    }

    fn problem(&self, code: Code, detail: String, wait: Duration) -> Problem {
        Problem {
            retry_after: Some(Duration::from_secs(whole_seconds(wait).max(1))),
            limits: self.headers().map(Box::new),
            ..Problem::new(code, detail)
        }
    }
}

/// Rounded up: who comes back then is not too early.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// A time for people, rounded up.
pub(super) fn words(duration: Duration) -> String {
    let seconds = whole_seconds(duration).max(1);
    let (count, unit) = match seconds {
        ..=119 => (seconds, "second"),
        120..=7199 => (seconds.div_ceil(60), "minute"),
        7200..=172_799 => (seconds.div_ceil(3600), "hour"),
        _ => (seconds.div_ceil(86_400), "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// A decision as Redis and the process give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub locked: Option<Duration>,
    /// One per limit; none when a lock stands.
    pub ruled: Vec<Ruled>,
}

/// What one limit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ruled {
    pub admitted: bool,
    pub left: u64,
    pub wait: Duration,
}

impl Decision {
    /// A lock stands.
    pub(super) const fn locked(left: Duration) -> Self {
        Self {
            locked: Some(left),
            ruled: Vec::new(),
        }
    }

    /// The reply of `admit.lua`; `None` when it is none.
    pub(super) fn read(numbers: &[i64], limits: usize) -> Option<Self> {
        let (locked_ms, rest) = numbers.split_first()?;
        let millis = |number: i64| Duration::from_millis(u64::try_from(number).unwrap_or(0));
        let locked = (*locked_ms > 0).then(|| millis(*locked_ms));
        let ruled: Vec<_> = rest
            .chunks_exact(3)
            .map(|three| Ruled {
                admitted: three[0] == 1,
                left: u64::try_from(three[1]).unwrap_or(0),
                wait: millis(three[2]),
            })
            .collect();
        let wanted = if locked.is_some() { 0 } else { limits };
        (ruled.len() == wanted).then_some(Self { locked, ruled })
    }

    /// Whether nothing stands in the way.
    pub(super) fn is_admitted(&self) -> bool {
        self.locked.is_none() && self.ruled.iter().all(|ruled| ruled.admitted)
    }
}
