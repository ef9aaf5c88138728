//! Who reads next, of those who wait. Everybody reads once at a time, and whoever has read least of late comes
//! first, counted by time: nobody waits behind those who come back again and again with what takes long.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use service_kit::{Code, Problem};
use uuid::Uuid;

use crate::waitable::Waitable;

/// Reads that are remembered, the latest.
const REMEMBERED: usize = 1024;

/// Reads of one person that wait at most, so that looking through the line stays short.
const WAITING_OF_EACH: usize = 16;

/// The line before some places. Cheap to clone.
#[derive(Clone)]
pub(super) struct Line(Arc<Waitable<State>>);

#[derive(Default)]
struct State {
    free: usize,
    reading: HashSet<Uuid>,
    /// An entry for each read that waits, in the order in which they came.
    waiting: Vec<Uuid>,
    /// The latest reads, and how long each took; never nothing, in nanoseconds.
    recent: VecDeque<(Uuid, u128)>,
    /// The sum of a person's.
    read_for: HashMap<Uuid, u128>,
    next: Option<Uuid>,
}

/// A person's place, until it is dropped.
pub(super) struct Turn {
    line: Line,
    person: Uuid,
    began: Instant,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.line.0.change(|state| state.end(self.person, took));
    }
}

/// A read that waits, until it is dropped.
struct Waiting<'l> {
    line: &'l Line,
    person: Uuid,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.line.0.change(|state| state.leave(self.person));
    }
}

impl Line {
    /// A line before so many places.
    pub(super) fn new(places: usize) -> Self {
        let line = Self(Arc::default());
        line.0.lock().free = places;
        line
    }

    /// A place for a person, when it is their turn.
    pub(super) async fn turn(&self, person: Uuid, within: Duration) -> Result<Turn, Problem> {
        let mut joins = false;
        self.0.change(|state| joins = state.join(person));
        if !joins {
            return Err(enough());
        }
        // Dropped when the turn has begun, so that the next one is found.
        let _waiting = Waiting { line: self, person };
        let begun = self.0.when(within, |state| state.begin(person)).await;
        let turn = begun.map(|()| Turn {
            line: self.clone(),
            person,
            began: Instant::now(),
        });
        turn.ok_or_else(|| self.refusal(person))
    }

    fn refusal(&self, person: Uuid) -> Problem {
        if self.0.lock().reading.contains(&person) {
            return enough();
        }
        let detail = "Others are reading much; try again shortly.";
        Problem::new(Code::Unavailable, detail)
    }
}

/// Whoever reads or waits already for what they may hears this.
fn enough() -> Problem {
    let detail = "You are reading as much already; wait for the answer, then ask again.";
    Problem::new(Code::RateLimited, detail)
}

impl State {
    /// `false` when as many of theirs wait as may.
    fn join(&mut self, person: Uuid) -> bool {
        let of_theirs = self.waiting.iter().filter(|waits| **waits == person);
        let joins = of_theirs.count() < WAITING_OF_EACH;
        if joins {
            self.waiting.push(person);
            self.choose();
        }
        joins
    }

    fn leave(&mut self, person: Uuid) {
        if let Some(place) = self.waiting.iter().position(|waits| *waits == person) {
            self.waiting.remove(place);
        }
        self.choose();
    }

    fn begin(&mut self, person: Uuid) -> Option<()> {
        let is_next = self.free > 0 && self.next == Some(person);
        is_next.then(|| {
            self.free -= 1;
            self.reading.insert(person);
            self.choose();
        })
    }

    fn end(&mut self, person: Uuid, took: Duration) {
        self.free += 1;
        self.reading.remove(&person);
        self.remember(person, took.as_nanos().max(1));
        self.choose();
    }

    fn remember(&mut self, person: Uuid, took: u128) {
        self.recent.push_back((person, took));
        *self.read_for.entry(person).or_default() += took;
        if self.recent.len() <= REMEMBERED {
            return;
        }
        if let Some((person, took)) = self.recent.pop_front()
            && let Some(read_for) = self.read_for.get_mut(&person)
        {
            *read_for -= took;
            if *read_for == 0 {
                self.read_for.remove(&person);
            }
        }
    }

    fn choose(&mut self) {
        let waiting = self.waiting.iter();
        let may_read = waiting.filter(|person| !self.reading.contains(person));
        let read_for = |person: &&Uuid| self.read_for.get(*person).copied().unwrap_or_default();
        // Of several, the one that came first.
        self.next = may_read.min_by_key(read_for).copied();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// Joins the line, and says so in `begun` when it reads.
    async fn read(line: &Line, person: Uuid, begun: &std::sync::Mutex<Vec<Uuid>>) {
        let turn = line.turn(person, SOON).await.expect("a turn");
        begun.lock().expect("no panic").push(person);
        tokio::task::yield_now().await;
        drop(turn);
    }

    #[tokio::test]
    async fn who_has_not_read_comes_before_those_who_come_back() {
        let line = Line::new(1);
        let greedy: Vec<_> = (0..4).map(|_| Uuid::now_v7()).collect();
        let (bystander, begun) = (Uuid::now_v7(), std::sync::Mutex::default());
        for person in &greedy {
            read(&line, *person, &begun).await;
        }
        let held = line.turn(greedy[0], SOON).await.expect("a turn");
        begun.lock().expect("no panic").clear();
        tokio::join!(
            // Each several times, and all of them before the bystander.
            read(&line, greedy[3], &begun),
            read(&line, greedy[3], &begun),
            read(&line, greedy[2], &begun),
            read(&line, greedy[1], &begun),
            read(&line, greedy[1], &begun),
            read(&line, greedy[0], &begun),
            read(&line, bystander, &begun),
            async { drop(held) },
        );
        let begun = begun.into_inner().expect("no panic");
        assert_eq!(begun.first(), Some(&bystander), "{begun:?}");
        assert_eq!(begun.len(), 7);
    }

    #[test]
    fn another_short_read_of_many_comes_before_another_long_one() {
        let line = Line::new(1);
        let mut state = line.0.lock();
        let (long, short) = (Uuid::now_v7(), Uuid::now_v7());
        state.remember(long, 2_000_000_000);
        for _ in 0..20 {
            state.remember(short, 3_000_000);
        }
        assert!(state.join(long) && state.join(short));
        assert_eq!(state.next, Some(short));
    }

    #[tokio::test]
    async fn each_reads_once_at_a_time_and_who_gives_up_stands_in_nobodys_way() {
        let line = Line::new(2);
        let (person, bystander) = (Uuid::now_v7(), Uuid::now_v7());
        let first = line.turn(person, SOON).await.expect("a turn");
        let second = line.turn(person, Duration::ZERO).await.map(drop);
        assert_eq!(second.expect_err("refused").code, Code::RateLimited);
        let others = line.turn(bystander, Duration::ZERO).await.expect("a turn");
        let third = line.turn(Uuid::now_v7(), Duration::ZERO).await.map(drop);
        assert_eq!(third.expect_err("refused").code, Code::Unavailable);
        drop((first, others));
        for person in [person, bystander] {
            drop(line.turn(person, Duration::ZERO).await.expect("a turn"));
        }
        let state = line.0.lock();
        assert_eq!((state.free, state.reading.len()), (2, 0));
        assert!(state.waiting.is_empty() && state.next.is_none());
    }

    #[test]
    fn so_many_of_one_wait_and_no_more() {
        let line = Line::new(1);
        let mut state = line.0.lock();
        let (person, bystander) = (Uuid::now_v7(), Uuid::now_v7());
        for _ in 0..WAITING_OF_EACH {
            assert!(state.join(person));
        }
        assert!(!state.join(person) && state.join(bystander));
        state.leave(person);
        assert!(state.join(person));
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let line = Line::new(1);
        let mut state = line.0.lock();
        for _ in 0..2 * REMEMBERED {
            let person = Uuid::now_v7();
            assert!(state.join(person));
            assert_eq!(state.begin(person), Some(()));
            state.leave(person);
            state.end(person, Duration::ZERO);
        }
        let remembered = (state.recent.len(), state.read_for.len());
        assert_eq!(remembered, (REMEMBERED, REMEMBERED));
    }
}
