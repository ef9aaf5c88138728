//! When what died is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(3);
/// Having lived so long, a process is taken for sound.
const SOUND_AFTER: Duration = Duration::from_secs(10);

/// At once, then after 0.2 s doubling to 3 s, anew after 10 s of health.
#[derive(Default)]
pub(super) struct Restarts {
    wait: Duration,
}

impl Restarts {
    /// The wait before the next start, of a process that lived so long.
    pub(super) fn after(&mut self, lived: Duration) -> Duration {
        if lived >= SOUND_AFTER {
            self.wait = Duration::ZERO;
        }
        let wait = self.wait;
        self.wait = (wait * 2).clamp(FIRST, LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_a_bound_and_begins_anew_after_health() {
        let mut restarts = Restarts::default();
        let waits: Vec<_> = (0..7)
            .map(|_| restarts.after(Duration::ZERO).as_millis())
            .collect();
        assert_eq!(waits, [0, 200, 400, 800, 1600, 3000, 3000]);
        assert_eq!(restarts.after(SOUND_AFTER), Duration::ZERO);
        assert_eq!(restarts.after(Duration::ZERO), FIRST);
    }
}
