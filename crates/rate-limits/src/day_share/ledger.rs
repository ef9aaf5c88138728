//! What is known of people in one UTC day: what was counted here, and what others have counted.

use std::collections::HashMap;

use redis_contracts::script::Counted;
use uuid::Uuid;

/// People that are remembered at most; then those who have added least are forgotten. What Redis was told of
/// them stays there.
const MOST_PEOPLE: usize = 50_000;

/// The counts of one process.
#[derive(Default)]
pub(super) struct Ledger {
    day: i64,
    people: HashMap<Uuid, Entry>,
    /// People of whom Redis has not been told, each once.
    untold: Vec<Uuid>,
}

struct Entry {
    /// A count that begins anew, after a restart or once it was forgotten, is another one.
    counter: Uuid,
    here: u64,
    /// What others had counted when Redis last answered. It only grows, also when Redis is emptied.
    elsewhere: u64,
    is_told: bool,
}

impl Ledger {
    /// What everybody together has counted of a person, as far as this process knows. Of one it does not know
    /// yet, Redis is asked.
    pub(super) fn total(&mut self, day: i64, user_id: Uuid) -> u64 {
        self.entry(day, user_id).total()
    }

    /// Counts bytes of a person.
    pub(super) fn add(&mut self, day: i64, user_id: Uuid, bytes: u64) {
        let entry = self.entry(day, user_id);
        entry.here = entry.here.saturating_add(bytes);
        self.untell(user_id);
    }

    fn entry(&mut self, day: i64, user_id: Uuid) -> &mut Entry {
        if self.day != day {
            *self = Self {
                day,
                ..Self::default()
            };
        }
        if self.people.len() >= MOST_PEOPLE && !self.people.contains_key(&user_id) {
            self.forget_half();
        }
        let untold = &mut self.untold;
        self.people.entry(user_id).or_insert_with(|| {
            untold.push(user_id);
            Entry::new()
        })
    }

    fn forget_half(&mut self) {
        let mut totals: Vec<_> = self.people.values().map(Entry::total).collect();
        let (_, median, _) = totals.select_nth_unstable(MOST_PEOPLE / 2);
        let median = *median;
        let mut left = MOST_PEOPLE / 2;
        self.people.retain(|_, entry| {
            let forgotten = left > 0 && entry.total() <= median;
            left -= usize::from(forgotten);
            !forgotten
        });
        self.untold
            .retain(|user_id| self.people.contains_key(user_id));
    }

    /// So many counts at most that Redis has not been told of. They are taken for told.
    pub(super) fn take_untold(&mut self, most: usize) -> Vec<Counted> {
        let day = self.day;
        let first = self.untold.len().saturating_sub(most);
        let taken = self.untold.drain(first..);
        let told = taken.filter_map(|user_id| {
            let entry = self.people.get_mut(&user_id)?;
            entry.is_told = true;
            Some(Counted {
                user_id,
                counter: entry.counter,
                day,
                bytes: entry.here,
            })
        });
        told.collect()
    }

    /// Redis has heard of a count: this is what it holds of all.
    pub(super) fn learn(&mut self, told: &Counted, sum: u64) {
        let entry = self.people.get_mut(&told.user_id);
        if let Some(entry) = entry.filter(|entry| entry.counter == told.counter) {
            entry.elsewhere = entry.elsewhere.max(sum.saturating_sub(told.bytes));
        }
    }

    /// Redis has not heard what there is of a person.
    pub(super) fn untell(&mut self, user_id: Uuid) {
        if let Some(entry) = self.people.get_mut(&user_id)
            && entry.is_told
        {
            entry.is_told = false;
            self.untold.push(user_id);
        }
    }

    /// Redis may have lost what it was told.
    pub(super) fn untell_all(&mut self) {
        for entry in self.people.values_mut() {
            entry.is_told = false;
        }
        self.untold = self.people.keys().copied().collect();
    }
}

impl Entry {
    fn new() -> Self {
        Self {
            counter: Uuid::now_v7(),
            here: 0,
            elsewhere: 0,
            is_told: false,
        }
    }

    const fn total(&self) -> u64 {
        self.here.saturating_add(self.elsewhere)
    }
}
