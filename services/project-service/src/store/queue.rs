//! Changes that wait for the one writer. Everybody has a lane of their own, and the next change is of whoever has
//! had least of the writer since they began to wait (start-time fair queueing): one change of somebody's never
//! stands behind the many, or the large, of somebody else. The changes of one person stay in their order.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::waitable::Waitable;

/// Changes that may wait in all.
const WAITING: usize = 1024;

/// Lanes in which nobody waits are forgotten beyond this.
const LANES: usize = 2 * WAITING;

/// Changes that wait, and whoever makes them.
pub(super) struct Queue<J>(Waitable<Lanes<J>>);

impl<J> Default for Queue<J> {
    fn default() -> Self {
        Self(Waitable::default())
    }
}

impl<J> Queue<J> {
    /// Adds a change; gives back the one that there is no place for.
    pub(super) fn push(&self, person: Uuid, job: J) -> Option<J> {
        let mut refused = None;
        self.0.change(|lanes| refused = lanes.push(person, job));
        refused
    }

    /// The next change, as soon as there is one; `None` when the queue is closed and empty.
    pub(super) async fn next(&self) -> Option<J> {
        let attempt = |lanes: &mut Lanes<J>| match lanes.pop() {
            None if !lanes.is_closed => None,
            next => Some(next),
        };
        self.0.until(attempt).await
    }

    /// The next change, if one waits.
    pub(super) fn try_next(&self) -> Option<J> {
        self.0.lock().pop()
    }

    /// A person's change has taken so much of the writer.
    pub(super) fn charge(&self, person: Uuid, cost: u64) {
        self.0.lock().charge(person, cost);
    }

    /// Takes no more changes; those that wait are still handed out.
    pub(super) fn close(&self) {
        self.0.change(|lanes| lanes.is_closed = true);
    }

    /// Takes no more changes, and drops those that wait.
    pub(super) fn abandon(&self) {
        self.close();
        while self.try_next().is_some() {}
    }

    /// Whether it takes no more changes.
    pub(super) fn is_closed(&self) -> bool {
        self.0.lock().is_closed
    }
}

struct Lanes<J> {
    /// In the order in which they began.
    lanes: Vec<Lane<J>>,
    waiting: usize,
    /// Where the lane stood whose change was handed out last; lanes begin here.
    reached: u64,
    is_closed: bool,
}

struct Lane<J> {
    person: Uuid,
    jobs: VecDeque<J>,
    /// Where its next change stands: behind what those before it have cost.
    stands_at: u64,
}

impl<J> Default for Lanes<J> {
    fn default() -> Self {
        Self {
            lanes: Vec::new(),
            waiting: 0,
            reached: 0,
            is_closed: false,
        }
    }
}

impl<J> Lanes<J> {
    /// Where there is no place, whoever has most waiting gives up the last of it.
    fn push(&mut self, person: Uuid, job: J) -> Option<J> {
        if self.is_closed {
            return Some(job);
        }
        let reached = self.reached;
        let lane = self.lane(person);
        if lane.jobs.is_empty() {
            lane.stands_at = lane.stands_at.max(reached);
        }
        lane.jobs.push_back(job);
        if self.waiting < WAITING {
            self.waiting += 1;
            return None;
        }
        let longest = self.lanes.iter_mut().max_by_key(|lane| lane.jobs.len());
        longest?.jobs.pop_back()
    }

    fn pop(&mut self) -> Option<J> {
        let lanes = self.lanes.iter_mut().filter(|lane| !lane.jobs.is_empty());
        let lane = lanes.min_by_key(|lane| lane.stands_at)?;
        let job = lane.jobs.pop_front();
        self.reached = lane.stands_at;
        self.waiting -= 1;
        job
    }

    fn charge(&mut self, person: Uuid, cost: u64) {
        if self.waiting == 0 {
            // Nobody is before or behind anybody.
            self.lanes.clear();
        } else {
            let lane = self.lane(person);
            lane.stands_at = lane.stands_at.saturating_add(cost);
        }
    }

    fn lane(&mut self, person: Uuid) -> &mut Lane<J> {
        if self.lanes.len() > LANES {
            self.lanes.retain(|lane| !lane.jobs.is_empty());
        }
        let found = self.lanes.iter().position(|lane| lane.person == person);
        let place = found.unwrap_or(self.lanes.len());
        if found.is_none() {
            self.lanes.push(Lane {
                person,
                jobs: VecDeque::new(),
                stands_at: self.reached,
            });
        }
        &mut self.lanes[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    /// The changes that are handed out, each of which costs what it says.
    fn all(lanes: &mut Lanes<(Uuid, u64)>) -> Vec<(Uuid, u64)> {
        let next = || {
            let (person, cost) = lanes.pop()?;
            lanes.charge(person, cost);
            Some((person, cost))
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn one_change_stands_behind_no_more_than_one_of_each_other_and_behind_none_that_cost_more() {
        let mut lanes = Lanes::default();
        let (greedy, large, late) = (person(1), person(2), person(3));
        for _ in 0..4 {
            assert_eq!(lanes.push(greedy, (greedy, 10)), None);
        }
        for _ in 0..2 {
            assert_eq!(lanes.push(large, (large, 25)), None);
        }
        let first = lanes.pop().expect("a change");
        lanes.charge(first.0, first.1);
        lanes.push(late, (late, 1));
        let order: Vec<_> = all(&mut lanes).iter().map(|(person, _)| *person).collect();
        assert_eq!(order, [large, late, greedy, greedy, large, greedy]);
    }

    #[test]
    fn who_waited_for_nothing_has_saved_nothing() {
        let mut lanes = Lanes::default();
        let (busy, idle) = (person(1), person(2));
        lanes.push(idle, (idle, 1));
        for _ in 0..50 {
            lanes.push(busy, (busy, 10));
        }
        for _ in 0..20 {
            let (person, cost) = lanes.pop().expect("a change");
            lanes.charge(person, cost);
        }
        for _ in 0..3 {
            lanes.push(idle, (idle, 10));
        }
        let order: Vec<_> = all(&mut lanes).iter().map(|(person, _)| *person).collect();
        let theirs = order[..6].iter().filter(|person| **person == idle);
        assert_eq!(theirs.count(), 3, "{order:?}");
    }

    #[test]
    fn where_there_is_no_place_whoever_has_most_waiting_gives_one_up() {
        let mut lanes = Lanes::default();
        let (greedy, bystander) = (person(1), person(2));
        for number in 0..WAITING as u64 {
            assert_eq!(lanes.push(greedy, (greedy, number)), None);
        }
        let last = WAITING as u64 - 1;
        assert_eq!(lanes.push(bystander, (bystander, 0)), Some((greedy, last)));
        assert_eq!(lanes.push(greedy, (greedy, last)), Some((greedy, last)));
        assert_eq!(lanes.waiting, WAITING);
        assert_eq!(all(&mut lanes).len(), WAITING);
        assert_eq!((lanes.waiting, lanes.lanes.len()), (0, 0));
    }

    #[test]
    fn people_who_have_gone_are_forgotten() {
        let mut lanes = Lanes::default();
        lanes.push(person(0), (person(0), 1));
        for number in 1..5 * LANES as u128 {
            lanes.push(person(number), (person(number), 1));
            let (person, cost) = lanes.pop().expect("a change");
            lanes.charge(person, cost);
        }
        assert!(lanes.lanes.len() <= LANES + 1, "{}", lanes.lanes.len());
    }

    #[tokio::test]
    async fn a_closed_queue_hands_out_what_waits_and_takes_no_more() {
        let queue = Queue::default();
        assert_eq!(queue.push(person(1), 1), None);
        queue.close();
        assert_eq!(queue.push(person(1), 2), Some(2));
        assert_eq!((queue.next().await, queue.next().await), (Some(1), None));
    }
}
