//! What the gateway shows, so that what it reports of clients counts.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use prometheus::{IntCounter, register_int_counter};
use rpc::metadata::GATEWAY_CREDENTIAL;
use secrecy::{ExposeSecret, SecretString};
use service_kit::health::{Health, Need};
use tonic::Request;

/// A gateway shows its credential every second, so one that was right is the word of the gateway for
/// so long, whatever a stranger shows beside it. A wrong one is logged no more often.
const COUNTS_FOR: Duration = Duration::from_secs(60);

static REFUSED: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "devmentor_gateway_credentials_refused_total",
        "Calls that showed another credential than the gateway's."
    )
    .expect("a metric is registered once")
});

/// The credential that counts.
pub struct GatewayCredential {
    secret: SecretString,
    seen: Arc<Mutex<Seen>>,
}

/// When right and wrong ones were shown last.
#[derive(Default)]
struct Seen {
    right: Option<Instant>,
    wrong: Option<Instant>,
    logged: Option<Instant>,
}

impl GatewayCredential {
    /// This one; that only others are shown is told of in `health`.
    pub fn new(secret: SecretString, health: &Health) -> Self {
        LazyLock::force(&REFUSED);
        let seen = Arc::<Mutex<Seen>>::default();
        let told = Arc::clone(&seen);
        health.add("gateway-credential", Need::Useful, move || {
            match lock(&told).is_only_wrong(Instant::now()) {
                false => Ok(()),
                true => Err(
                    "a gateway shows another credential, so its clients' addresses do not count; \
                     give both the same DEVMENTOR__AUTH__GATEWAY_CREDENTIAL"
                        .to_owned(),
                ),
            }
        });
        Self { secret, seen }
    }

    /// Whether a call shows it.
    pub(super) fn is_shown<T>(&self, request: &Request<T>) -> bool {
        let Some(shown) = request.metadata().get(GATEWAY_CREDENTIAL) else {
            return false;
        };
        let expected = self.secret.expose_secret().as_bytes();
        let counts = verify_slices_are_equal(shown.as_bytes(), expected).is_ok();
        let now = Instant::now();
        match counts {
            true => lock(&self.seen).right = Some(now),
            false => self.refuse(request.remote_addr(), now),
        }
        counts
    }

    fn refuse(&self, peer: Option<SocketAddr>, now: Instant) {
        REFUSED.inc();
        if lock(&self.seen).is_to_be_logged(now) {
            let peer = peer.map(|peer| peer.ip().to_string()).unwrap_or_default();
            tracing::warn!(
                peer.address = peer,
                "a caller shows another gateway credential"
            );
        }
    }
}

impl Seen {
    fn is_only_wrong(&self, now: Instant) -> bool {
        is_recent(self.wrong, now) && !is_recent(self.right, now)
    }

    /// Notes a wrong one.
    fn is_to_be_logged(&mut self, now: Instant) -> bool {
        self.wrong = Some(now);
        let is_due = !is_recent(self.logged, now);
        if is_due {
            self.logged = Some(now);
        }
        is_due
    }
}

fn is_recent(moment: Option<Instant>, now: Instant) -> bool {
    moment.is_some_and(|moment| now.saturating_duration_since(moment) < COUNTS_FOR)
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_one_within_a_minute_outweighs_all_wrong_ones() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut seen = Seen::default();
        assert!(!seen.is_only_wrong(start), "nobody has shown anything");
        seen.is_to_be_logged(start);
        assert!(seen.is_only_wrong(start), "no gateway is right");
        assert!(!seen.is_only_wrong(after(60)), "nor does one go on");
        seen.right = Some(after(60));
        seen.is_to_be_logged(after(61));
        assert!(!seen.is_only_wrong(after(61)));
        seen.is_to_be_logged(after(121));
        assert!(seen.is_only_wrong(after(121)), "the right one is gone");
    }

    #[test]
    fn wrong_ones_are_logged_once_a_minute() {
        let start = Instant::now();
        let mut seen = Seen::default();
        let mut logged = |seconds| seen.is_to_be_logged(start + Duration::from_secs(seconds));
        assert_eq!(
            [0, 1, 59, 60, 61].map(&mut logged),
            [true, false, false, true, false]
        );
    }
}
