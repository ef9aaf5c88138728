//! A line before what only a few can do at once. Whoever has had least of it of late comes next, counted by time:
//! nobody waits behind those who come back again and again, or with what takes long.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout};
use uuid::Uuid;

/// What somebody has had counts half after so long.
const HALF_LIFE: Duration = Duration::from_secs(10);

/// How often that is worked out.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// Less than this is as good as nothing.
const NOTHING: Duration = Duration::from_millis(1);

/// How many may do it at once, and how many may wait.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Of all.
    pub in_all: usize,
    /// Of one person.
    pub of_each: usize,
    /// Of one person, who wait.
    pub waiting_of_each: usize,
}

/// The line. Cheap to clone.
#[derive(Clone)]
pub struct Line {
    state: Arc<Mutex<State>>,
}

/// A place, until it is dropped.
pub struct Turn {
    line: Line,
    person: Uuid,
    began: Instant,
}

/// Why there was no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// They have as many as they may themselves.
    OfEach,
    /// Others had them for all that time.
    InAll,
}

struct State {
    places: Places,
    free: usize,
    people: HashMap<Uuid, Person>,
    /// Who may begin, whoever comes next first.
    next: BTreeSet<Key>,
    forgot: Instant,
    /// Turns asked for so far.
    asked: u64,
}

#[derive(Default)]
struct Person {
    /// Places that they have.
    has: usize,
    waiting: VecDeque<Waiting>,
    /// What they have had of late.
    had: Duration,
}

struct Waiting {
    number: u64,
    turn: oneshot::Sender<Turn>,
}

/// What somebody has had, and since when they wait.
type Key = (Duration, u64, Uuid);

impl Waiting {
    fn is_there(&self) -> bool {
        !self.turn.is_closed()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.line.lock();
        state.end(self.person, self.began.elapsed());
        self.line.begin_next(state);
    }
}

impl Line {
    /// A line that nobody stands in.
    pub fn new(places: Places) -> Self {
        let state = State {
            places,
            free: places.in_all,
            people: HashMap::new(),
            next: BTreeSet::new(),
            forgot: Instant::now(),
            asked: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A turn for a person, when theirs comes. Cancel safe.
    pub async fn turn(&self, person: Uuid, within: Duration) -> Result<Turn, Full> {
        let turn = self.join(person).ok_or(Full::OfEach)?;
        match timeout(within, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(self.reason(person)),
        }
    }

    fn join(&self, person: Uuid) -> Option<oneshot::Receiver<Turn>> {
        let mut state = self.lock();
        let (turn, comes) = oneshot::channel();
        if !state.join(person, turn) {
            return None;
        }
        self.begin_next(state);
        Some(comes)
    }

    /// Gives the places that are free to those who come next.
    fn begin_next(&self, mut state: MutexGuard<'_, State>) {
        state.forget();
        let mut unwanted = Vec::new();
        while let Some((person, waiting)) = state.begin() {
            let turn = Turn {
                line: self.clone(),
                person,
                began: Instant::now(),
            };
            unwanted.extend(waiting.turn.send(turn).err());
        }
        // A turn that nobody waits for any more is given back, which takes the lock again.
        drop(state);
        drop(unwanted);
    }

    fn reason(&self, person: Uuid) -> Full {
        let state = self.lock();
        let has = state.people.get(&person).map_or(0, |person| person.has);
        match has >= state.places.of_each {
            true => Full::OfEach,
            false => Full::InAll,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// `false` when as many of theirs wait as may.
    fn join(&mut self, person: Uuid, turn: oneshot::Sender<Turn>) -> bool {
        self.asked += 1;
        let (number, most) = (self.asked, self.places.waiting_of_each);
        self.change(person, |person| {
            person.waiting.retain(Waiting::is_there);
            let joins = person.waiting.len() < most;
            if joins {
                person.waiting.push_back(Waiting { number, turn });
            }
            joins
        })
    }

    /// Takes a place for whoever comes next, if there is one and somebody waits.
    fn begin(&mut self) -> Option<(Uuid, Waiting)> {
        while self.free > 0 {
            let (.., person) = *self.next.first()?;
            let begins = self.change(person, |person| {
                let waiting = person.waiting.pop_front().filter(Waiting::is_there)?;
                person.has += 1;
                Some(waiting)
            });
            if let Some(waiting) = begins {
                self.free -= 1;
                return Some((person, waiting));
            }
        }
        None
    }

    fn end(&mut self, person: Uuid, took: Duration) {
        self.free += 1;
        self.change(person, |person| {
            person.has -= 1;
            person.had += took;
        });
    }

    /// Changes what is known of somebody, and so when they come next.
    fn change<T>(&mut self, id: Uuid, change: impl FnOnce(&mut Person) -> T) -> T {
        let person = self.people.entry(id).or_default();
        if let Some(key) = person.key(id, self.places.of_each) {
            self.next.remove(&key);
        }
        let changed = change(person);
        self.next.extend(person.key(id, self.places.of_each));
        changed
    }

    /// Has what people had count less, and forgets those who had nothing of late.
    fn forget(&mut self) {
        let since = self.forgot.elapsed();
        if since < FORGET_EVERY {
            return;
        }
        self.forgot = Instant::now();
        let counts = 0.5_f64.powf(since.as_secs_f64() / HALF_LIFE.as_secs_f64());
        self.people.retain(|_, person| {
            person.waiting.retain(Waiting::is_there);
            person.had = person.had.mul_f64(counts);
            person.has > 0 || !person.waiting.is_empty() || person.had > NOTHING
        });
        let people = self.people.iter();
        let keys = people.filter_map(|(id, person)| person.key(*id, self.places.of_each));
        self.next = keys.collect();
    }
}

impl Person {
    /// Where they stand; nowhere if they wait for nothing, or have all they may.
    fn key(&self, id: Uuid, of_each: usize) -> Option<Key> {
        let first = self.waiting.front().filter(|_| self.has < of_each)?;
        Some((self.had, first.number, id))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn line(in_all: usize, of_each: usize) -> Line {
        Line::new(Places {
            in_all,
            of_each,
            waiting_of_each: 3,
        })
    }

    fn person(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    impl Line {
        fn had(&self, person: Uuid, seconds: f64) {
            let had = Duration::from_secs_f64(seconds);
            self.lock().change(person, |person| person.had = had);
        }
    }

    #[tokio::test]
    async fn whoever_has_had_least_comes_next_however_late_they_come() {
        let line = line(1, 1);
        let (greedy, bystander) = ([person(1), person(2), person(3)], person(4));
        let held = line.turn(person(9), SOON).await.expect("a turn");
        for (person, had) in greedy.iter().zip([3.0, 2.0, 1.0]) {
            line.had(*person, had);
        }
        let begun = Mutex::new(Vec::new());
        let takes = async |person: Uuid| {
            let turn = line.turn(person, SOON).await.expect("a turn");
            begun.lock().expect("no panic").push(person);
            drop(turn);
        };
        tokio::join!(
            join_all(greedy.map(&takes)),
            async { takes(bystander).await },
            async { drop(held) },
        );
        let expected = [bystander, greedy[2], greedy[1], greedy[0]];
        assert_eq!(begun.into_inner().expect("no panic"), expected);
    }

    #[tokio::test]
    async fn each_has_a_bound_and_leaves_the_other_places_to_others() {
        let line = line(3, 2);
        let (greedy, bystander) = (person(1), person(2));
        let held = join_all([line.turn(greedy, SOON), line.turn(greedy, SOON)]).await;
        let third = line.turn(greedy, Duration::ZERO).await;
        assert_eq!(third.err(), Some(Full::OfEach));
        let theirs = line.turn(bystander, SOON).now_or_never().expect("at once");
        let other = line.turn(person(3), Duration::ZERO).await;
        assert_eq!(other.err(), Some(Full::InAll));
        drop((held, theirs));
        let state = line.lock();
        assert_eq!(state.free, 3);
        assert!(state.people.values().all(|person| person.has == 0));
    }

    #[tokio::test]
    async fn so_many_of_one_wait_and_who_gave_up_waits_no_more() {
        let line = line(1, 1);
        let (greedy, bystander) = (person(1), person(2));
        let held = line.turn(greedy, SOON).await.expect("a turn");
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(line.turn(greedy, SOON))).collect();
        for turn in &mut waiting {
            assert!(turn.as_mut().now_or_never().is_none());
        }
        let further = line.turn(greedy, SOON).now_or_never().expect("at once");
        assert_eq!(further.err(), Some(Full::OfEach));
        drop(waiting);
        let mut theirs = Box::pin(line.turn(bystander, SOON));
        let mut own = Box::pin(line.turn(greedy, SOON));
        for turn in [&mut theirs, &mut own] {
            assert!(turn.as_mut().now_or_never().is_none());
        }
        drop(held);
        drop(theirs.now_or_never().expect("theirs is next"));
        assert!(own.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_turn_that_came_to_one_who_has_gone_is_given_to_the_next() {
        let line = line(1, 1);
        let held = line.turn(person(1), SOON).await.expect("a turn");
        let mut gone = Box::pin(line.turn(person(2), SOON));
        assert!(gone.as_mut().now_or_never().is_none());
        drop(held);
        drop(gone);
        assert!(line.turn(person(3), SOON).now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_was_had_long_ago_counts_for_nothing() {
        let line = line(1, 1);
        for number in 0..100 {
            line.had(person(number), 0.5);
        }
        for (hundred_half_lives, remembered) in [(0, 100), (1, 0)] {
            let mut state = line.lock();
            state.forgot = Instant::now() - FORGET_EVERY - HALF_LIFE * 100 * hundred_half_lives;
            state.forget();
            assert_eq!(state.people.len(), remembered);
        }
    }
}
