//! Who has which connections, and which one gives way.
//!
//! Beyond the bound of one owner, an idle one of theirs gives way, or else the new one is refused: it is kept
//! until it was heard, where that takes no place of others. Beyond the bound of all, one gives way whatever it
//! does.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use super::{Connection, Owner, now_ms};

/// The place of a connection that is not in the table.
pub(super) const NOWHERE: usize = usize::MAX;

/// Connections looked at for one that is idle, where all are at their bound: about the one that is idle
/// longest is good enough, and looking at all would make each new one dear.
const SAMPLE: usize = 64;

/// What was used so shortly ago may have a request that is not known of yet.
const JUST_NOW_MS: u64 = 50;

/// Connections of one owner that there is no place for, and that are still heard: when a crowd comes back,
/// each is somebody's as soon as it has signed in.
const HEARD_AT_ONCE: usize = 1024;

/// A connection that has said nothing yet is about to, for so long.
const SILENT_MS: u64 = 1000;

/// An answer of which nothing was taken for so long is not read any more.
const UNREAD_MS: u64 = 10_000;

/// Nobody with so few connections is said to hold most.
const FEW: usize = 8;

/// The connections, each at its place, and those of each owner that has a bound.
pub(super) struct Table {
    most: usize,
    of_each: usize,
    all: Vec<Arc<Connection>>,
    owned: HashMap<Owner, Vec<Arc<Connection>>>,
    /// Those that give way, and are not closed yet.
    leaving: usize,
    /// Where the next sample begins.
    sampled: usize,
    now_ms: fn() -> u64,
}

impl Table {
    pub(super) fn new(most: usize, of_each: u64) -> Self {
        Self {
            most,
            of_each: match of_each {
                0 => usize::MAX,
                bound => usize::try_from(bound).unwrap_or(usize::MAX),
            },
            all: Vec::new(),
            owned: HashMap::new(),
            leaving: 0,
            sampled: 0,
            now_ms,
        }
    }

    /// Adds a connection; another gives way where there are too many, or else it is refused.
    pub(super) fn add(&mut self, connection: &Arc<Connection>) {
        let owner = connection.owner();
        self.close_refused(&owner);
        let has_place = self.make_room_for(&owner);
        let is_kept = match has_place {
            true => self.make_room(),
            false => self.make_room_among_refused(&owner),
        };
        connection.use_now();
        connection.place.store(self.all.len(), Ordering::Relaxed);
        self.all.push(Arc::clone(connection));
        self.own(connection, owner);
        if !is_kept {
            self.give_way(Some(Arc::clone(connection)));
        } else if !has_place {
            self.refuse(connection);
        }
    }

    /// Refuses a new connection: its client is told so, unless many wait to be told already.
    fn refuse(&mut self, connection: &Arc<Connection>) {
        connection.refuse();
        let of_theirs = self.owned.get(&connection.owner());
        let waiting = of_theirs.into_iter().flatten();
        let waiting = waiting.filter(|of_theirs| is_refused(of_theirs) && !gives_way(of_theirs));
        if waiting.count() > HEARD_AT_ONCE {
            self.give_way(Some(Arc::clone(connection)));
        }
    }

    /// Closes those that there was no place for and that have said nothing.
    fn close_refused(&mut self, owner: &Owner) {
        let now_ms = (self.now_ms)();
        let of_theirs = self.owned.get(owner).into_iter().flatten();
        let silent: Vec<_> = of_theirs
            .filter(|of_theirs| is_refused(of_theirs) && is_idle(of_theirs, now_ms))
            .cloned()
            .collect();
        for refused in silent {
            self.give_way(Some(refused));
        }
    }

    /// Gives a connection to an owner; `false` when they have too many, and all are busy.
    pub(super) fn hand_over(&mut self, connection: &Arc<Connection>, to: Owner) -> bool {
        if connection.is_proxied {
            return self.hand_over_proxied(connection, to);
        }
        if !is_refused(connection) && connection.is_owned_by(&to) {
            return true;
        }
        if !self.make_room_for(&to) {
            return false;
        }
        connection.is_refused.store(false, Ordering::Relaxed);
        self.change_owner(connection, to);
        true
    }

    /// What a proxy keeps open for everybody is closed for nobody's bound: one counts only while it is in use.
    fn hand_over_proxied(&mut self, connection: &Arc<Connection>, to: Owner) -> bool {
        let owned = self.owned.get(&to).into_iter().flatten();
        let others = owned.filter(|owned| !Arc::ptr_eq(owned, connection));
        let in_use = others.filter(|other| other.is_busy() || other.is_delivering());
        let has_place = in_use.count() < self.of_each;
        let to = if has_place { to } else { Owner::Proxy };
        if !connection.is_owned_by(&to) {
            self.change_owner(connection, to);
        }
        has_place
    }

    fn change_owner(&mut self, connection: &Arc<Connection>, to: Owner) {
        self.disown(connection);
        *connection
            .owner
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = to.clone();
        self.own(connection, to);
    }

    /// Looks for a place again; `false` when there is still none.
    pub(super) fn retry(&mut self, connection: &Connection) -> bool {
        let has_place = self.make_room_for(&connection.owner());
        connection.is_refused.store(!has_place, Ordering::Relaxed);
        has_place
    }

    /// Takes a connection out, if it is still there.
    pub(super) fn remove(&mut self, connection: &Connection) {
        let place = connection.place.swap(NOWHERE, Ordering::Relaxed);
        if place == NOWHERE {
            return;
        }
        self.disown(connection);
        self.leaving -= usize::from(gives_way(connection));
        self.all.swap_remove(place);
        if let Some(moved) = self.all.get(place) {
            moved.place.store(place, Ordering::Relaxed);
        }
    }

    fn own(&mut self, connection: &Arc<Connection>, owner: Owner) {
        if owner != Owner::Proxy {
            let owned = self.owned.entry(owner).or_default();
            owned.push(Arc::clone(connection));
        }
    }

    fn disown(&mut self, connection: &Connection) {
        let owner = connection.owner();
        let Some(owned) = self.owned.get_mut(&owner) else {
            return;
        };
        owned.retain(|other| !std::ptr::eq(&**other, connection));
        if owned.is_empty() {
            self.owned.remove(&owner);
        }
    }

    fn make_room_for(&mut self, owner: &Owner) -> bool {
        let Some(owned) = self.owned.get(owner) else {
            return true;
        };
        let placed = owned.iter();
        let placed = placed.filter(|of_theirs| !gives_way(of_theirs) && !is_refused(of_theirs));
        if placed.clone().count() < self.of_each {
            return true;
        }
        let idle = idle_longest(placed, (self.now_ms)());
        self.give_way(idle)
    }

    fn is_full(&self) -> bool {
        self.all.len() - self.leaving >= self.most
    }

    /// `false` when none of theirs that was refused could give way.
    fn make_room_among_refused(&mut self, owner: &Owner) -> bool {
        if !self.is_full() {
            return true;
        }
        let of_theirs = self.owned.get(owner).into_iter().flatten();
        let refused = of_theirs.filter(|of_theirs| waits_to_be_heard(of_theirs));
        let one = used_longest_ago(refused);
        self.give_way(one)
    }

    /// `false` when nobody has any that could give way.
    fn make_room(&mut self) -> bool {
        if !self.is_full() {
            return true;
        }
        // Those that came together stand together, so every so manyth is looked at.
        let step = (self.all.len() / SAMPLE).max(1);
        let from = self.sampled % step;
        self.sampled = self.sampled.wrapping_add(1);
        let sample = || self.all[from..].iter().step_by(step);
        let refused = used_longest_ago(sample().filter(|of_it| waits_to_be_heard(of_it)));
        let idle = || idle_longest(sample(), (self.now_ms)());
        let one = refused.or_else(idle);
        let one = one.or_else(|| self.of_who_holds_most());
        self.give_way(one)
    }

    /// Of all that whoever holds most has, the one used longest ago; one that was refused before any other.
    /// Where nobody holds more than a few, one goes that nobody is signed in on: a stranger has as many addresses
    /// as they like, with one connection each.
    fn of_who_holds_most(&self) -> Option<Arc<Connection>> {
        let stays = |owned: &&Arc<Connection>| !gives_way(owned);
        let (mut most, mut of_most) = ((0, false), None);
        for (owner, owned) in &self.owned {
            // Those that leave already are few, so all count.
            let weight = (owned.len().max(FEW), matches!(owner, Owner::Network(_)));
            if weight > most && owned.iter().any(|owned| stays(&owned)) {
                (most, of_most) = (weight, Some(owned));
            }
        }
        let owned = of_most?;
        let refused = owned.iter().filter(|owned| waits_to_be_heard(owned));
        used_longest_ago(refused).or_else(|| used_longest_ago(owned.iter().filter(stays)))
    }

    /// Has one give way that does not yet.
    pub(super) fn give_way(&mut self, one: Option<Arc<Connection>>) -> bool {
        let Some(one) = one else {
            return false;
        };
        if !gives_way(&one) && one.place.load(Ordering::Relaxed) != NOWHERE {
            self.leaving += 1;
            one.give_way();
        }
        true
    }
}

fn is_refused(connection: &Connection) -> bool {
    connection.is_refused.load(Ordering::Relaxed)
}

fn gives_way(connection: &Connection) -> bool {
    connection.gives_way.load(Ordering::Relaxed)
}

/// Whether it may give way.
fn is_idle(connection: &Connection, now_ms: u64) -> bool {
    let expected_within_ms = match connection.has_spoken.load(Ordering::Relaxed) {
        _ if connection.is_delivering() => UNREAD_MS,
        true => JUST_NOW_MS,
        false => SILENT_MS,
    };
    let used_ms = connection.used_ms.load(Ordering::Relaxed);
    !connection.is_busy()
        && used_ms <= now_ms.saturating_sub(expected_within_ms)
        && !gives_way(connection)
}

/// Whether it was refused, and is not being heard just now.
fn waits_to_be_heard(connection: &Connection) -> bool {
    is_refused(connection) && !connection.is_busy() && !gives_way(connection)
}

fn idle_longest<'a>(
    among: impl Iterator<Item = &'a Arc<Connection>>,
    now_ms: u64,
) -> Option<Arc<Connection>> {
    used_longest_ago(among.filter(|connection| is_idle(connection, now_ms)))
}

fn used_longest_ago<'a>(
    among: impl Iterator<Item = &'a Arc<Connection>>,
) -> Option<Arc<Connection>> {
    among
        .min_by_key(|connection| connection.used_ms.load(Ordering::Relaxed))
        .cloned()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        connections::{Busy, Delivery},
        limits::Subject,
    };

    fn network(name: &str) -> Owner {
        Owner::Network(name.into())
    }

    fn person(number: u128) -> Owner {
        Owner::Caller(Subject::Person(Uuid::from_u128(number)))
    }

    fn add(table: &mut Table, owner: &Owner, used_ms: u64) -> Arc<Connection> {
        let connection = Arc::new(Connection::new(owner.clone(), *owner == Owner::Proxy));
        table.add(&connection);
        connection.used_ms.store(used_ms, Ordering::Relaxed);
        connection
    }

    fn table(most: usize, of_each: u64) -> Table {
        Table {
            now_ms: || 1_000_000,
            ..Table::new(most, of_each)
        }
    }

    fn stay(table: &Table, owner: &Owner) -> usize {
        let owned = table.owned[owner].iter();
        owned.filter(|of_theirs| !gives_way(of_theirs)).count()
    }

    #[test]
    fn the_one_of_the_same_address_that_is_idle_longest_gives_way() {
        let mut table = table(100, 3);
        let (greedy, other) = (network("a"), network("b"));
        let bystander = add(&mut table, &other, 0);
        let held = [5, 1, 9].map(|used_ms| add(&mut table, &greedy, used_ms));
        let further = add(&mut table, &greedy, 10);
        assert!(!is_refused(&further));
        let gave_way = [0, 1, 2].map(|index| gives_way(&held[index]));
        assert_eq!(
            (gave_way, gives_way(&bystander)),
            ([false, true, false], false)
        );
        assert_eq!(stay(&table, &greedy), 3);
    }

    #[test]
    fn what_is_busy_stays_and_the_new_one_is_refused() {
        let mut table = table(100, 2);
        let owner = network("a");
        let held = [1, 2].map(|used_ms| add(&mut table, &owner, used_ms));
        let busy = held.each_ref().map(Busy::on);
        let refused = add(&mut table, &owner, 3);
        assert!(is_refused(&refused));
        let refused_too = add(&mut table, &owner, 4);
        assert!(gives_way(&refused), "the refused one is idle");
        assert!(is_refused(&refused_too) && !held.iter().any(|held| gives_way(held)));
        drop(busy);
    }

    #[test]
    fn who_signs_in_is_counted_as_a_person() {
        let mut table = table(100, 2);
        let (owner, person) = (network("a"), person(1));
        for used_ms in 1..=3 {
            let connection = add(&mut table, &owner, used_ms);
            assert!(table.hand_over(&connection, person.clone()));
        }
        assert_eq!(stay(&table, &person), 2, "the first gave way");
        assert!(!table.owned.contains_key(&owner));
        let _busy: Vec<_> = table.owned[&person].iter().map(Busy::on).collect();
        let further = add(&mut table, &owner, 4);
        assert!(!table.hand_over(&further, person));
        assert_eq!(further.owner(), owner);
    }

    #[test]
    fn all_together_have_a_bound() {
        let mut table = table(50, 10);
        for number in 0..200 {
            let connection = add(&mut table, &network(&number.to_string()), number);
            assert!(!is_refused(&connection));
            let mut leaving = table.all.clone();
            leaving.retain(|connection| gives_way(connection));
            assert_eq!(leaving.len(), usize::from(number >= 50));
            leaving
                .iter()
                .for_each(|connection| table.remove(connection));
        }
        assert_eq!((table.all.len(), table.owned.len()), (50, 50));
        for connection in table.all.clone() {
            let place = connection.place.load(Ordering::Relaxed);
            assert!(std::ptr::eq(&*table.all[place], &*connection));
            table.remove(&connection);
            table.remove(&connection);
        }
        assert!(table.all.is_empty() && table.owned.is_empty() && table.leaving == 0);
    }

    #[test]
    fn where_all_places_are_taken_and_busy_who_holds_most_loses_one_and_a_stranger_gets_in() {
        let mut table = table(14, 20);
        let (one, another) = (network("a"), network("b"));
        let mut held: Vec<_> = (1..=12).map(|ms| add(&mut table, &one, ms)).collect();
        held.extend((1..=2).map(|ms| add(&mut table, &another, ms)));
        let _busy: Vec<_> = held.iter().map(Busy::on).collect();
        let stranger = add(&mut table, &network("c"), 9);
        let _busy_too = Busy::on(&stranger);
        assert!(!is_refused(&stranger) && !gives_way(&stranger));
        assert!(gives_way(&held[0]), "the one used longest ago");
        add(&mut table, &one, 9);
        assert!(gives_way(&held[1]), "their own");
        assert_eq!((stay(&table, &one), stay(&table, &another)), (11, 2));
        assert_eq!(table.all.len() - table.leaving, 14);
    }

    #[test]
    fn what_is_refused_takes_no_place_of_others() {
        let mut table = table(7, 2);
        let (one, another) = (network("a"), network("b"));
        let idle = add(&mut table, &network("idle"), 0);
        let held = [1, 2].map(|ms| add(&mut table, &one, ms));
        let _busy = held.each_ref().map(Busy::on);
        let refused: Vec<_> = (0..4).map(|_| add(&mut table, &one, 1_000_000)).collect();
        assert!(refused.iter().all(|refused| is_refused(refused)));
        let stranger = add(&mut table, &another, 9);
        assert!(!is_refused(&stranger) && !gives_way(&stranger));
        assert_eq!(refused.iter().filter(|of| gives_way(of)).count(), 1);
        add(&mut table, &one, 1_000_000);
        assert_eq!(refused.iter().filter(|of| gives_way(of)).count(), 2);
        let _heard: Vec<_> = table.owned[&one].iter().map(Busy::on).collect();
        let further = add(&mut table, &one, 1_000_000);
        assert!(gives_way(&further), "none of theirs waits to be heard");
        assert!(!held.iter().any(|held| gives_way(held)) && !gives_way(&idle));
        assert!(!table.retry(&refused[1]), "they have as many as they may");
    }

    #[test]
    fn what_was_used_just_now_does_not_give_way_and_a_refused_one_is_tried_again() {
        let mut table = table(100, 1);
        let owner = network("a");
        let used = add(&mut table, &owner, 1_000_000 - 10);
        used.has_spoken.store(true, Ordering::Relaxed);
        let refused = add(&mut table, &owner, 1_000_000);
        assert!(is_refused(&refused) && !gives_way(&used));
        used.used_ms.store(0, Ordering::Relaxed);
        assert!(table.retry(&refused));
        assert!(!is_refused(&refused) && gives_way(&used));
    }

    #[test]
    fn a_flood_of_refused_ones_is_closed() {
        let mut table = table(10_000, 1);
        let owner = network("a");
        let held = add(&mut table, &owner, 0);
        let _busy = Busy::on(&held);
        let mut flood = Vec::new();
        for _ in 0..HEARD_AT_ONCE + 50 {
            flood.push(add(&mut table, &owner, 1_000_000));
        }
        let heard = flood.iter().filter(|refused| !gives_way(refused)).count();
        assert_eq!((heard, gives_way(&held)), (HEARD_AT_ONCE, false));
        table.now_ms = || 1_000_000 + SILENT_MS;
        let last = add(&mut table, &owner, 1_000_000 + SILENT_MS);
        assert!(flood.iter().all(|refused| gives_way(refused)));
        assert!(is_refused(&last) && !gives_way(&last));
    }

    #[test]
    fn a_crowd_that_comes_back_is_heard_and_each_counts_for_whom_they_are() {
        let mut table = table(10_000, 3);
        let owner = network("an office");
        let crowd: Vec<_> = (0..500)
            .map(|_| add(&mut table, &owner, 1_000_000))
            .collect();
        assert!(!crowd.iter().any(|of_it| gives_way(of_it)));
        for (number, connection) in (0..).zip(&crowd) {
            assert!(table.hand_over(connection, person(number)));
            assert!(!is_refused(connection));
        }
    }

    #[test]
    fn an_answer_keeps_its_place_while_it_is_read_and_not_when_it_is_not() {
        let mut table = table(100, 2);
        let owner = network("a");
        let slow = add(&mut table, &owner, 1_000_000 - UNREAD_MS + 1);
        slow.has_spoken.store(true, Ordering::Relaxed);
        Delivery::on(&slow, None).until_taken();
        let idle = add(&mut table, &owner, 1_000_000 - SILENT_MS);
        add(&mut table, &owner, 1_000_000);
        assert!(gives_way(&idle) && !gives_way(&slow));
        table.remove(&idle);
        assert!(is_refused(&add(&mut table, &owner, 1_000_000)));
        table.now_ms = || 1_000_001;
        add(&mut table, &owner, 1_000_001);
        assert!(gives_way(&slow), "nothing is taken of it any more");
    }

    #[test]
    fn what_was_taken_is_idle() {
        let mut table = table(100, 1);
        let owner = network("a");
        let taken = add(&mut table, &owner, 1_000_000 - SILENT_MS);
        Delivery::on(&taken, None).until_taken();
        assert!(taken.is_delivering());
        taken.all_taken();
        add(&mut table, &owner, 1_000_000);
        assert!(gives_way(&taken));
    }

    #[test]
    fn where_nobody_holds_many_a_stranger_goes_before_who_is_signed_in() {
        let mut table = table(23, 100);
        let somebody = person(1);
        let mut busy = Vec::new();
        for used_ms in 0..3 {
            busy.push(Busy::on(&add(&mut table, &somebody, used_ms)));
        }
        for number in 0..100 {
            let stranger = add(&mut table, &network(&number.to_string()), 9);
            busy.push(Busy::on(&stranger));
            assert!(!is_refused(&stranger) && !gives_way(&stranger));
            let mut leaving = table.all.clone();
            leaving.retain(|connection| gives_way(connection));
            // Some are still on their way out when the next come.
            for connection in leaving.iter().skip(5) {
                table.remove(connection);
            }
        }
        assert_eq!(stay(&table, &somebody), 3);
    }

    #[test]
    fn beyond_a_few_who_holds_most_loses_one_whoever_they_are() {
        let mut table = table(10, 100);
        let (somebody, stranger) = (person(1), network("a"));
        let mut held: Vec<_> = (0..9).map(|ms| add(&mut table, &somebody, ms)).collect();
        held.push(add(&mut table, &stranger, 0));
        let _busy: Vec<_> = held.iter().map(Busy::on).collect();
        add(&mut table, &network("b"), 9);
        assert_eq!((stay(&table, &somebody), stay(&table, &stranger)), (8, 1));
    }

    #[test]
    fn behind_a_proxy_requests_count_and_no_connection_of_its_pool_is_closed() {
        let mut table = table(100, 2);
        let (client, bystander) = (network("a"), network("b"));
        let pool: Vec<_> = (0..5)
            .map(|ms| add(&mut table, &Owner::Proxy, ms))
            .collect();
        for connection in &pool {
            assert!(table.hand_over(connection, client.clone()), "one by one");
        }
        let mut busy: Vec<_> = pool[..2].iter().map(Busy::on).collect();
        assert!(
            table.hand_over(&pool[1], client.clone()),
            "it is one of two"
        );
        assert!(!table.hand_over(&pool[2], client.clone()));
        assert_eq!(pool[2].owner(), Owner::Proxy, "on nobody's bill");
        assert!(table.hand_over(&pool[2], bystander.clone()));
        assert!(!table.hand_over(&pool[2], client.clone()));
        assert!(
            !table.owned.contains_key(&bystander),
            "nor on the last one's"
        );
        busy.pop();
        assert!(table.hand_over(&pool[2], client));
        assert!(!pool.iter().any(|one| gives_way(one) || is_refused(one)));
    }

    #[test]
    fn a_proxy_has_no_bound_of_its_own() {
        let mut table = table(100, 2);
        let held: Vec<_> = (0..50)
            .map(|ms| add(&mut table, &Owner::Proxy, ms))
            .collect();
        assert!(!held.iter().any(|held| gives_way(held) || is_refused(held)));
        assert!(table.owned.is_empty(), "there is nothing to look through");
        held.iter().for_each(|held| table.remove(held));
        assert!(table.all.is_empty());
    }
}
