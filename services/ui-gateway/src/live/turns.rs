//! Turns at reading histories: few in the process, so that a thousand clients that come back together
//! do not stall those that are live, and fewer a person, so that nobody's sockets take those of others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use service_kit::Problem;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use uuid::Uuid;

/// Turns of one person at once.
const OF_A_PERSON: usize = 2;

/// Longest wait for a turn: the web app takes a socket that answers nothing for 10 s as lost.
const TURN_WITHIN: Duration = Duration::from_secs(7);

/// The turns of the process. Cheap to clone.
///
/// Who waits for one of the process holds one of their own, so that its line, which is first come first
/// served, has at most two of each person: turns go round by person.
#[derive(Clone)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    people: Arc<People>,
    longest_wait: Duration,
}

type People = Mutex<HashMap<Uuid, Own>>;

/// What a person has of the turns, while they have or want any.
struct Own {
    turns: Arc<Semaphore>,
    users: usize,
}

/// A turn, given back when it is dropped.
pub(super) struct Turn {
    _of_all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _line: Line,
}

/// A person's place in the map, until it is dropped.
struct Line {
    people: Arc<People>,
    person: Uuid,
}

impl Turns {
    /// So many in the process.
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(at_once)),
            people: Arc::default(),
            longest_wait: TURN_WITHIN,
        }
    }

    /// Waits for a turn. Cancel safe.
    pub(super) async fn take(&self, person: Uuid) -> Result<Turn, Problem> {
        let (line, own) = self.stand_in_line(person);
        let waiting = async {
            let own = own.acquire_owned().await.ok()?;
            let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some((own, of_all))
        };
        let (own, of_all) = timeout(self.longest_wait, waiting)
            .await
            .ok()
            .flatten()
            .ok_or_else(|| Problem::unavailable("The history"))?;
        Ok(Turn {
            _of_all: of_all,
            _own: own,
            _line: line,
        })
    }

    fn stand_in_line(&self, person: Uuid) -> (Line, Arc<Semaphore>) {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        let own = people.entry(person).or_insert_with(|| Own {
            turns: Arc::new(Semaphore::new(OF_A_PERSON)),
            users: 0,
        });
        own.users += 1;
        let line = Line {
            people: Arc::clone(&self.people),
            person,
        };
        (line, Arc::clone(&own.turns))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = people.get_mut(&self.person) {
            own.users -= 1;
            if own.users == 0 {
                people.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;

    #[tokio::test]
    async fn a_person_has_two_and_leaves_the_others_to_others() {
        let (turns, greedy, bystander) = (Turns::new(3), Uuid::from_u128(1), Uuid::from_u128(2));
        let held = join_all([turns.take(greedy), turns.take(greedy)]).await;
        let mut third = Box::pin(turns.take(greedy));
        assert!(third.as_mut().now_or_never().is_none(), "their own third");
        assert!(turns.take(bystander).now_or_never().is_some());
        drop(held);
        assert!(third.now_or_never().is_some());
    }

    #[tokio::test]
    async fn the_line_goes_round_by_person() {
        let (turns, greedy, bystander) = (Turns::new(1), Uuid::from_u128(1), Uuid::from_u128(2));
        let held = turns.take(bystander).await;
        let mut crowd: Vec<_> = (0..50).map(|_| Box::pin(turns.take(greedy))).collect();
        for waiting in &mut crowd {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        let mut next = Box::pin(turns.take(bystander));
        assert!(next.as_mut().now_or_never().is_none());
        drop(held);
        for waiting in crowd.iter_mut().take(2) {
            drop(waiting.as_mut().now_or_never().expect("their turn"));
        }
        assert!(next.as_mut().now_or_never().is_some(), "third in line");
    }

    #[tokio::test]
    async fn nobody_is_remembered_who_has_none_and_wants_none() {
        let (turns, person) = (Turns::new(1), Uuid::from_u128(1));
        let turn = turns.take(person).await;
        assert!(turns.take(person).now_or_never().is_none(), "given up");
        drop(turn);
        assert!(turns.people.lock().expect("no panic").is_empty());
    }

    #[tokio::test]
    async fn the_wait_is_bounded() {
        let turns = Turns {
            longest_wait: Duration::from_millis(20),
            ..Turns::new(1)
        };
        let _held = turns.take(Uuid::from_u128(1)).await;
        assert!(turns.take(Uuid::from_u128(2)).await.is_err());
    }
}
