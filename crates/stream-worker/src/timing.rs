//! The bounds a worker keeps.

use std::time::Duration;

/// How much at once, how long, how often.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Entries read at once.
    pub batch: usize,
    /// How long a read waits in Redis; a stop waits for it.
    pub block: Duration,
    /// A batch that takes the handler longer has failed.
    pub deadline: Duration,
    /// Entries unsettled for so long are taken over from their consumer.
    pub claim_idle: Duration,
    /// How often such entries are looked for.
    pub claim_every: Duration,
    /// Deliveries after which an entry is given up.
    pub most_attempts: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            batch: 1000,
            block: Duration::from_millis(500),
            deadline: Duration::from_secs(2),
            claim_idle: Duration::from_secs(6),
            claim_every: Duration::from_secs(1),
            most_attempts: 5,
        }
    }
}

/// Values that are fine one by one and not together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimingFault {
    /// Entries would be taken from a consumer that still works on them: on one batch, with the next
    /// one read already.
    #[error("claim_idle has to be longer than twice the deadline")]
    ClaimsWhatIsWorkedOn,
    /// Nothing would be read, or given up at once.
    #[error("batch and most_attempts have to be at least 1")]
    Nothing,
}

impl Timing {
    /// Refuses dangerous combinations.
    pub fn check(&self) -> Result<(), TimingFault> {
        if self.claim_idle <= self.deadline * 2 {
            return Err(TimingFault::ClaimsWhatIsWorkedOn);
        }
        if self.batch == 0 || self.most_attempts == 0 {
            return Err(TimingFault::Nothing);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound_and_a_short_claim_is_refused() {
        assert_eq!(Timing::default().check(), Ok(()));
        let short = Timing {
            claim_idle: Duration::from_secs(4),
            ..Timing::default()
        };
        assert_eq!(short.check(), Err(TimingFault::ClaimsWhatIsWorkedOn));
        let none = Timing {
            batch: 0,
            ..Timing::default()
        };
        assert_eq!(none.check(), Err(TimingFault::Nothing));
    }
}
