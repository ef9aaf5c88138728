//! While nothing is told of changes, auth-service is asked about each session in turn: not about all of
//! them at once, which it would feel just when the cache is away.

use std::time::{Duration, Instant};

use uuid::Uuid;

/// A round takes at least this long.
pub(super) const ASK_EVERY: Duration = Duration::from_secs(2);

/// How often some have their turn.
pub(super) const TURN: Duration = Duration::from_millis(100);

/// Sessions at a turn: 200 a second.
const AT_A_TURN: usize = 20;

/// The round that is on its way.
#[derive(Default)]
pub(super) struct Rounds {
    left: Vec<Uuid>,
    began: Option<Instant>,
}

impl Rounds {
    /// Those whose turn it is; a new round begins with all that are there.
    pub(super) fn turn(&mut self, now: Instant, all: impl FnOnce() -> Vec<Uuid>) -> Vec<Uuid> {
        let rests = self.began.is_some_and(|began| now < began + ASK_EVERY);
        if self.left.is_empty() && !rests {
            (self.left, self.began) = (all(), Some(now));
        }
        let from = self.left.len().saturating_sub(AT_A_TURN);
        self.left.split_off(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_turn_once_in_a_round_and_a_few_at_a_time() {
        let all = || (0..50).map(Uuid::from_u128).collect::<Vec<_>>();
        let mut rounds = Rounds::default();
        let began = Instant::now();
        for now in [began, began + ASK_EVERY] {
            let turns: Vec<_> = (0..5).map(|_| rounds.turn(now, all)).collect();
            let lengths: Vec<_> = turns.iter().map(Vec::len).collect();
            assert_eq!(lengths, [20, 20, 10, 0, 0]);
            let mut asked = turns.concat();
            asked.sort_unstable();
            assert_eq!(asked, all());
        }
    }
}
