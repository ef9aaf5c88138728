//! What connections hold in memory, in bytes, of one kind. Each person or address has a bound, and so have
//! all together. Where all is held, whoever holds most loses the connection that holds most of it, of equal
//! ones the oldest; where nobody holds as much as somebody would who wants a single page, what has been held
//! longest gives way. So what is slow or never read goes, and who wants little always finds room.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Connection, Connections, Owner};

/// Who would hold no more than this always finds room: about the largest page of a list.
const PAGE: usize = 2 << 20;

/// What is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Bodies that arrive.
    Bodies,
    /// Answers that are not taken yet.
    Answers,
    /// Events that wait for sockets.
    Events,
}

/// Why there is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// They hold all they may.
    OfEach,
    /// All together hold all there is, and nobody holds more than they.
    InAll,
}

/// All rooms of a kind.
pub(super) struct Rooms {
    of_each: usize,
    in_all: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    by: HashMap<Owner, Holdings>,
    in_all: usize,
    /// Number of the newest part.
    newest: u64,
}

/// What one holds, oldest first.
#[derive(Default)]
struct Holdings {
    bytes: usize,
    parts: BTreeMap<u64, Part>,
}

struct Part {
    bytes: usize,
    connection: Arc<Connection>,
}

impl Rooms {
    /// At most so many bytes each, and so many in all.
    pub(super) fn new(of_each: usize, in_all: usize) -> Self {
        Self {
            of_each,
            in_all,
            held: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for so much more of one; also the connections that have to give way for it.
    fn grow(&self, room: &mut Room, by: usize) -> Result<Vec<Arc<Connection>>, Spent> {
        let mut held = self.lock();
        let own = held.bytes_of(&room.owner);
        if by > self.of_each.saturating_sub(own) {
            return Err(Spent::OfEach);
        }
        let mut removed = Vec::new();
        while by > self.in_all.saturating_sub(held.in_all) {
            let Some((owner, number)) = held.of_another(&room.owner, own + by) else {
                // It does not suffice, so nobody gives way.
                for (owner, number, part) in removed {
                    held.put(owner, number, part);
                }
                return Err(Spent::InAll);
            };
            let part = held.remove(&owner, number);
            removed.extend(part.map(|part| (owner, number, part)));
        }
        held.add(room, by);
        let connections = removed.into_iter().map(|(.., part)| part.connection);
        Ok(connections.collect())
    }

    /// Makes room for so much more of one, whatever is held: beyond their own bound, and where nobody else has
    /// to, other connections of theirs give way. Also those that have to.
    fn grow_anyway(&self, room: &mut Room, by: usize) -> Vec<Arc<Connection>> {
        let mut held = self.lock();
        let mut removed = Vec::new();
        loop {
            let own = held.bytes_of(&room.owner);
            let one = if by > self.of_each.saturating_sub(own) {
                held.largest_beside(room)
            } else if by > self.in_all.saturating_sub(held.in_all) {
                let of_another = held.of_another(&room.owner, own + by);
                of_another.or_else(|| held.largest_beside(room))
            } else {
                break;
            };
            let Some((owner, number)) = one else {
                break;
            };
            removed.extend(held.remove(&owner, number));
        }
        held.add(room, by);
        removed.into_iter().map(|part| part.connection).collect()
    }
}

impl Held {
    fn bytes_of(&self, owner: &Owner) -> usize {
        self.by.get(owner).map_or(0, |own| own.bytes)
    }

    /// What gives way for somebody who would hold so much: whose it is, and the number of the part.
    fn of_another(&self, than: &Owner, would_hold: usize) -> Option<(Owner, u64)> {
        let oldest = || self.oldest_of_another(than);
        let heaviest = self.heaviest(would_hold);
        heaviest.or_else(|| (would_hold <= PAGE).then(oldest).flatten())
    }

    fn oldest_of_another(&self, than: &Owner) -> Option<(Owner, u64)> {
        let others = self.by.iter().filter(|(owner, _)| *owner != than);
        let oldest = others.filter_map(|(owner, own)| Some((own.parts.keys().next()?, owner)));
        let (number, owner) = oldest.min_by_key(|(number, _)| **number)?;
        Some((owner.clone(), *number))
    }

    /// The largest of the same owner on another connection, of equal ones the oldest.
    fn largest_beside(&self, room: &Room) -> Option<(Owner, u64)> {
        let parts = self.by.get(&room.owner)?.parts.iter();
        let connection = &room.place.connection;
        let beside = parts.filter(|(_, part)| !Arc::ptr_eq(&part.connection, connection));
        let (number, _) = beside.min_by_key(|(_, part)| Reverse(part.bytes))?;
        Some((room.owner.clone(), *number))
    }

    /// The largest of who holds most, and not less than this.
    fn heaviest(&self, at_least: usize) -> Option<(Owner, u64)> {
        let (owner, own) = self
            .by
            .iter()
            .max_by_key(|(_, own)| (own.bytes, Reverse(own.parts.keys().next())))?;
        let parts = own.parts.iter().filter(|_| own.bytes >= at_least);
        let (number, _) = parts.min_by_key(|(_, part)| Reverse(part.bytes))?;
        Some((owner.clone(), *number))
    }

    fn add(&mut self, room: &mut Room, bytes: usize) {
        let own = self.by.entry(room.owner.clone()).or_default();
        if !own.parts.contains_key(&room.number) {
            self.newest += 1;
            room.number = self.newest;
        }
        let part = own.parts.entry(room.number).or_insert_with(|| Part {
            bytes: 0,
            connection: Arc::clone(&room.place.connection),
        });
        part.bytes += bytes;
        own.bytes += bytes;
        self.in_all += bytes;
    }

    /// Gives back what a room holds, or so much of it.
    fn shrink(&mut self, room: &Room, by: usize) {
        let Some(own) = self.by.get_mut(&room.owner) else {
            return;
        };
        if let Some(part) = own.parts.get_mut(&room.number) {
            let by = by.min(part.bytes);
            part.bytes -= by;
            own.bytes -= by;
            self.in_all -= by;
            if part.bytes == 0 {
                self.remove(&room.owner, room.number);
            }
        }
    }

    fn put(&mut self, owner: Owner, number: u64, part: Part) {
        let own = self.by.entry(owner).or_default();
        own.bytes += part.bytes;
        self.in_all += part.bytes;
        own.parts.insert(number, part);
    }

    fn remove(&mut self, owner: &Owner, number: u64) -> Option<Part> {
        let own = self.by.get_mut(owner)?;
        let part = own.parts.remove(&number)?;
        own.bytes -= part.bytes;
        self.in_all -= part.bytes;
        if own.parts.is_empty() {
            self.by.remove(owner);
        }
        Some(part)
    }
}

/// A connection, for what it will hold. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Place {
    pub(super) connection: Arc<Connection>,
    pub(super) connections: Connections,
}

impl Place {
    /// An empty room; it counts for whom the connection counts now.
    pub(crate) fn room(&self, kind: Kind) -> Room {
        Room {
            owner: self.connection.owner(),
            number: NOTHING,
            kind,
            place: self.clone(),
        }
    }
}

/// The number of a room that holds nothing yet.
const NOTHING: u64 = 0;

/// What a connection holds of a kind, until it is dropped.
pub(crate) struct Room {
    place: Place,
    kind: Kind,
    owner: Owner,
    /// That of its part, since it holds something.
    number: u64,
}

impl Room {
    /// Holds so much more, or no more than before.
    pub(crate) fn grow(&mut self, by: usize) -> Result<(), Spent> {
        let connections = self.place.connections.clone();
        let give_way = connections.rooms(self.kind).grow(self, by)?;
        connections.all_give_way(give_way);
        Ok(())
    }

    /// Holds so much more, whatever is held.
    pub(crate) fn grow_anyway(&mut self, by: usize) {
        let connections = self.place.connections.clone();
        let give_way = connections.rooms(self.kind).grow_anyway(self, by);
        connections.all_give_way(give_way);
    }

    /// Holds so much less.
    pub(crate) fn shrink(&self, by: usize) {
        self.place
            .connections
            .rooms(self.kind)
            .lock()
            .shrink(self, by);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let rooms = self.place.connections.rooms(self.kind);
        rooms.lock().remove(&self.owner, self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    const MIB: usize = 1 << 20;

    fn connections() -> Connections {
        Connections::with_rooms(Rooms::new(10 * MIB, 15 * MIB))
    }

    fn room(connections: &Connections, owner: &str) -> Room {
        let connection = Arc::new(Connection::new(Owner::Network(owner.into()), false));
        connections.with_table(|table| table.add(&connection));
        let place = Place {
            connection,
            connections: connections.clone(),
        };
        place.room(Kind::Bodies)
    }

    /// Further rooms, each of which holds so much.
    fn filled<const N: usize>(
        connections: &Connections,
        owners: [&str; N],
        by: usize,
    ) -> [Room; N] {
        owners.map(|owner| {
            let mut room = room(connections, owner);
            assert_eq!(room.grow(by * MIB), Ok(()));
            room
        })
    }

    fn gave_way(room: &Room) -> bool {
        room.place.connection.gives_way.load(Ordering::Relaxed)
    }

    /// What one holds.
    fn mib(connections: &Connections, owner: &str) -> usize {
        let held = connections.rooms(Kind::Bodies).lock();
        held.bytes_of(&Owner::Network(owner.into())) / MIB
    }

    #[test]
    fn each_has_a_bound_and_gets_back_what_is_dropped() {
        let connections = connections();
        let (mut one, mut another) = (room(&connections, "a"), room(&connections, "a"));
        assert_eq!(one.grow(8 * MIB), Ok(()));
        assert_eq!(another.grow(3 * MIB), Err(Spent::OfEach));
        one.shrink(MIB);
        assert_eq!(another.grow(3 * MIB), Ok(()));
        drop(one);
        assert_eq!(another.grow(7 * MIB), Ok(()));
        drop(another);
        let held = connections.rooms(Kind::Bodies).lock();
        assert_eq!((held.in_all, held.by.len()), (0, 0));
    }

    #[test]
    fn where_all_is_held_who_holds_most_loses_their_largest() {
        let connections = connections();
        let [small] = filled(&connections, ["a"], 2);
        let [large] = filled(&connections, ["a"], 6);
        let [other] = filled(&connections, ["b"], 7);
        let mut newcomer = room(&connections, "c");
        let too_much = newcomer.grow(9 * MIB);
        assert_eq!(too_much, Err(Spent::InAll), "more than anybody");
        assert_eq!(newcomer.grow(MIB), Ok(()));
        let held = ["a", "b", "c"].map(|owner| mib(&connections, owner));
        assert_eq!(held, [2, 7, 1]);
        let gave_way = [&small, &large, &other, &newcomer].map(gave_way);
        assert_eq!(gave_way, [false, true, false, false]);
        drop(large);
        let held = connections.rooms(Kind::Bodies).lock();
        let left = 10 * MIB;
        assert_eq!(held.in_all, left, "what gave way is not given back twice");
    }

    #[test]
    fn of_equal_ones_the_oldest_gives_way() {
        let connections = connections();
        let _held = filled(&connections, ["a", "b", "c"], 5);
        let _newcomer = filled(&connections, ["d"], 5);
        let held = ["a", "b", "c", "d"].map(|owner| mib(&connections, owner));
        assert_eq!(held, [0, 5, 5, 5]);
    }

    #[test]
    fn what_has_to_be_given_counts_and_takes_from_its_owners_others() {
        let connections = connections();
        let bystander = filled(&connections, ["b"], 1);
        let greedy = filled(&connections, ["a", "a", "a"], 3);
        let mut further = room(&connections, "a");
        further.grow_anyway(4 * MIB);
        assert_eq!(greedy.each_ref().map(gave_way), [true, false, false]);
        assert!(!gave_way(&bystander[0]) && !gave_way(&further));
        assert_eq!(mib(&connections, "a"), 10);
        let _full = filled(&connections, ["c"], 4);
        let mut last = room(&connections, "c");
        last.grow_anyway(MIB);
        assert_eq!(greedy.each_ref().map(gave_way), [true, false, false]);
        assert!(gave_way(&further), "the largest of who holds most");
        let mut as_before = room(&connections, "a");
        as_before.grow_anyway(12 * MIB);
        assert!(greedy.iter().all(gave_way) && !gave_way(&as_before));
        assert_eq!(mib(&connections, "a"), 12, "it counts, however large");
    }

    #[test]
    fn what_has_to_be_given_where_all_is_held_takes_no_room_of_who_holds_less() {
        let connections = connections();
        let bystanders = filled(&connections, ["b", "c"], 4);
        let greedy = filled(&connections, ["a", "a"], 3);
        let mut further = room(&connections, "a");
        further.grow_anyway(3 * MIB);
        assert!(gave_way(&greedy[0]) && !bystanders.iter().any(gave_way));
        assert_eq!(connections.rooms(Kind::Bodies).lock().in_all, 14 * MIB);
    }

    #[test]
    fn an_answer_takes_nothing_from_an_earlier_one_on_its_connection() {
        let connections = connections();
        let [earlier] = filled(&connections, ["a"], 9);
        let mut later = earlier.place.room(Kind::Bodies);
        later.grow_anyway(2 * MIB);
        assert!(!gave_way(&later));
        assert_eq!(mib(&connections, "a"), 11);
    }

    #[test]
    fn among_many_small_ones_a_page_takes_the_room_of_what_is_held_longest() {
        let connections = connections();
        let names: Vec<_> = (0..15).map(|number| number.to_string()).collect();
        let mut crowd: Vec<_> = names
            .iter()
            .flat_map(|name| filled(&connections, [name], 1))
            .collect();
        // The second is read: what it holds now is new.
        crowd[1].shrink(MIB);
        assert_eq!(crowd[1].grow(MIB), Ok(()));
        let [bystander] = filled(&connections, ["bystander"], 1);
        assert!(gave_way(&crowd[0]));
        let mut greedy = room(&connections, "14");
        assert_eq!(greedy.grow(2 * MIB), Err(Spent::InAll), "more than a page");
        assert_eq!(greedy.grow(MIB), Ok(()));
        assert!(gave_way(&crowd[2]) && !gave_way(&bystander));
        assert_eq!(crowd.iter().filter(|room| gave_way(room)).count(), 2);
    }
}
