//! What may be asked of the API, decided in the process: a request takes one of the permits that are
//! leased from Redis in the background, a lease at a time. Who is new here goes on credit until the first
//! answer, so that each gateway lets through one lease too many at most. Who has used up all that is in
//! hand waits for the next lease, and passes when it does not come. While Redis is away each gateway gives
//! the whole rate by itself.
//!
//! A person's machine tokens count apart from their sessions: one that has leaked cannot keep its owner
//! from revoking it.

mod permits;
mod rate_headers;

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use actix_web::http::header::HeaderValue;
use futures_util::StreamExt;
use identity::Caller;
use prometheus::IntCounter;
use quick_cache::sync::Cache;
use rate_limits::{Asked, By, Limiter, Standing, Verdict, decisions, policy::API};
use service_kit::{Context, Problem, Stage};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use self::permits::{Permits, Take};

pub(crate) use rate_headers::{BothHeaders, RemainingRequests, told};

/// A policy lets at most this part of itself be leased at once.
const LEASES: u64 = 20;

/// Subjects that are remembered; one that is not begins anew, on credit.
const REMEMBERED: usize = 50_000;

/// Subjects that may wait for their lease to be asked for, and leases that are asked for at once.
const WAITING: usize = 4096;
const AT_ONCE: usize = 64;

/// Who waited this long for a lease passes: it is not theirs to suffer. Leases are asked for in the
/// background, so that a burst that keeps the process from hearing Redis for some ms is no outage.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Whom a request counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// A person, in all their sessions.
    Person(Uuid),
    /// All machine tokens of a person.
    Machines(Uuid),
}

impl Subject {
    /// Of a request of this caller.
    pub(crate) fn of(caller: &Caller) -> Self {
        let id = caller.user().id;
        match caller.is_machine() {
            false => Self::Person(id),
            true => Self::Machines(id),
        }
    }
}

/// As it stands in keys.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => id.fmt(f),
            Self::Machines(id) => write!(f, "m-{id}"),
        }
    }
}

/// Decides over requests of signed-in people. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ApiLimits {
    inner: Arc<Inner>,
}

struct Inner {
    limiter: Limiter,
    allowed: u64,
    window: Duration,
    lease: u64,
    policy: HeaderValue,
    permits: Cache<Subject, Arc<Permits>>,
    leases: mpsc::Sender<Ask>,
    counters: Counters,
}

/// A lease that is asked for.
struct Ask {
    subject: Subject,
    permits: Arc<Permits>,
}

/// Requests admitted and refused.
struct Counters {
    by_redis: [IntCounter; 2],
    alone: [IntCounter; 2],
}

impl ApiLimits {
    /// With its background task in the context's supervisor.
    pub(crate) fn start(context: &mut Context, limiter: Limiter) -> anyhow::Result<Self> {
        let (leases, asked) = mpsc::channel(WAITING);
        let limits = Self::new(limiter, leases)?;
        let stop = context.supervisor.stop_of(Stage::Workers);
        let background = limits.clone();
        context
            .supervisor
            .spawn(Stage::Workers, "api-leases", async move {
                let background = &background;
                let asking = ReceiverStream::new(asked).for_each_concurrent(
                    AT_ONCE,
                    |ask: Ask| async move {
                        background.lease(&ask).await;
                    },
                );
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = asking => {}
                }
                Ok(())
            });
        Ok(limits)
    }

    fn new(limiter: Limiter, leases: mpsc::Sender<Ask>) -> anyhow::Result<Self> {
        let allowed = limiter.allowed(API);
        let window = Limiter::window(API);
        let inner = Inner {
            limiter,
            policy: rate_headers::policy(allowed, window.as_secs())?,
            allowed,
            window,
            lease: (allowed / LEASES).max(1),
            permits: Cache::new(REMEMBERED),
            leases,
            counters: Counters {
                by_redis: [true, false].map(|admitted| decisions(API.name, admitted, By::Redis)),
                alone: [true, false].map(|admitted| decisions(API.name, admitted, By::Local)),
            },
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The limiter itself, to look at other policies.
    pub(crate) fn limiter(&self) -> &Limiter {
        &self.inner.limiter
    }

    /// Takes a permit for a request of this caller, or 429 `rate_limited`; `None` when the next lease
    /// has to be waited for.
    pub(crate) fn admit_at_once(
        &self,
        subject: Subject,
    ) -> Option<Result<RemainingRequests, Problem>> {
        let permits = self.permits(subject);
        match self.take(subject, &permits) {
            Take::None => None,
            taken => Some(self.rule(&permits, taken)),
        }
    }

    /// The same, waiting for the next lease where that has to be.
    pub(crate) async fn admit(&self, subject: Subject) -> Result<RemainingRequests, Problem> {
        let permits = self.permits(subject);
        let taken = self.wait(subject, &permits).await;
        self.rule(&permits, taken)
    }

    fn rule(&self, permits: &Permits, taken: Take) -> Result<RemainingRequests, Problem> {
        let alone = permits.is_alone();
        let [admitted, refused] = match alone {
            false => &self.inner.counters.by_redis,
            true => &self.inner.counters.alone,
        };
        match taken {
            Take::One(left) => {
                admitted.inc();
                Ok(RemainingRequests(left.min(self.inner.allowed)))
            }
            Take::None => {
                admitted.inc();
                Ok(RemainingRequests(0))
            }
            Take::Refused(wait) => {
                refused.inc();
                Err(self.refusal(wait, alone))
            }
        }
    }

    /// What is left, when Redis has so many: leased is not used.
    pub(crate) fn left(&self, subject: Subject, left: u64) -> u64 {
        let held = self.inner.permits.get(&subject);
        let in_hand = held.map_or(0, |permits| permits.in_hand());
        left.saturating_add(in_hand).min(self.inner.allowed)
    }

    /// `RateLimit-Policy`: the same for everyone.
    fn policy_value(&self) -> HeaderValue {
        self.inner.policy.clone()
    }

    /// `RateLimit`.
    fn limit_value(&self, RemainingRequests(left): RemainingRequests) -> Option<HeaderValue> {
        let Inner {
            allowed, window, ..
        } = &*self.inner;
        let used = allowed.saturating_sub(left);
        let reset_seconds = used.saturating_mul(window.as_secs()).div_ceil(*allowed);
        rate_headers::limit(left, reset_seconds)
    }

    fn permits(&self, subject: Subject) -> Arc<Permits> {
        let Inner {
            permits,
            lease,
            allowed,
            ..
        } = &*self.inner;
        let held = permits.get(&subject);
        held.unwrap_or_else(|| {
            // Of two that come at once, both have to take from the same.
            let made = permits.get_or_insert_with(&subject, || {
                Ok::<_, std::convert::Infallible>(Arc::new(Permits::new(*lease, *allowed)))
            });
            let Ok(made) = made;
            made
        })
    }

    fn take(&self, subject: Subject, permits: &Arc<Permits>) -> Take {
        let taken = permits.take();
        if permits.begins_to_ask() {
            let ask = Ask {
                subject,
                permits: Arc::clone(permits),
            };
            if let Err(error) = self.inner.leases.try_send(ask) {
                tracing::warn!(error = %error, "more leases are asked for than can be");
                permits.gave_up();
            }
        }
        taken
    }

    /// Until the lease is there that was asked for.
    async fn wait(&self, subject: Subject, permits: &Arc<Permits>) -> Take {
        let answered = async {
            loop {
                let mut answered = pin!(permits.answered());
                answered.as_mut().enable();
                match self.take(subject, permits) {
                    Take::None => answered.await,
                    taken => return taken,
                }
            }
        };
        let waited = tokio::time::timeout(LONGEST_WAIT, answered).await;
        waited.unwrap_or(Take::None)
    }

    /// Asks for a lease; for what is left where that is less.
    async fn lease(&self, ask: &Ask) {
        let allowed = self.inner.allowed;
        let asked = Asked::of(API, ask.subject.to_string());
        let wanted = ask.permits.wanted().min(allowed);
        let standing = match self.standing(&asked, wanted).await {
            Some(standing) if !standing.admitted && standing.left > 0 => {
                let left = standing.left;
                self.standing(&asked, left)
                    .await
                    .map(|standing| (left, standing))
            }
            standing => standing.map(|standing| (wanted, standing)),
        };
        match standing {
            Some((cost, standing)) if standing.admitted => ask.permits.grant(cost, standing.left),
            Some((cost, standing)) => ask.permits.refuse(self.wait_for_one(cost, standing.wait)),
            None => ask.permits.lease_alone(allowed, self.inner.window, wanted),
        }
    }

    /// How Redis decides; `None` while it is away.
    async fn standing(&self, asked: &Asked, cost: u64) -> Option<Standing> {
        let asked = std::slice::from_ref(asked);
        let verdict = self.inner.limiter.lease(None, asked, cost).await;
        let by_redis = verdict.by == By::Redis;
        verdict.standings.into_iter().next().filter(|_| by_redis)
    }

    /// What was refused is a lease; who waits, waits for one permit of it.
    fn wait_for_one(&self, cost: u64, wait: Duration) -> Duration {
        let Inner {
            window, allowed, ..
        } = &*self.inner;
        let others = cost.saturating_sub(1) as f64 / (*allowed).max(1) as f64;
        wait.saturating_sub(window.mul_f64(others))
    }

    fn refusal(&self, wait: Duration, alone: bool) -> Problem {
        let standing = Standing {
            policy: API,
            allowed: self.inner.allowed,
            window: self.inner.window,
            admitted: false,
            left: 0,
            wait,
        };
        let verdict = Verdict {
            locked: None,
            standings: vec![standing],
            by: if alone { By::Local } else { By::Redis },
        };
        let refusal = verdict.refusal();
        refusal.unwrap_or_else(|| Problem::internal("a refusal that refuses nothing"))
    }
}

#[cfg(test)]
mod tests;
