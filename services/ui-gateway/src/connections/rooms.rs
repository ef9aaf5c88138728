//! What connections hold in memory, in bytes, of one kind. Each person or address has a bound, and so have
//! all together. Where all is held, whoever holds most loses the connection that holds most of it, of equal
//! ones the oldest: what is slow or never read gives way, and who wants little always finds room.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Connection, Connections, Owner};

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
    by: HashMap<Owner, Own>,
    in_all: usize,
    rooms: u64,
}

/// What one holds, oldest first.
#[derive(Default)]
struct Own {
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
    fn grow(&self, room: &Room, by: usize) -> Result<Vec<Arc<Connection>>, Spent> {
        let mut held = self.lock();
        let own = held.by.get(&room.owner).map_or(0, |own| own.bytes);
        if by > self.of_each.saturating_sub(own) {
            return Err(Spent::OfEach);
        }
        let mut removed = Vec::new();
        while by > self.in_all.saturating_sub(held.in_all) {
            let Some((owner, number)) = held.heaviest(own + by) else {
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
}

impl Held {
    /// Of who holds most, and not less than this: whose it is, and the number of the room.
    fn heaviest(&self, at_least: usize) -> Option<(Owner, u64)> {
        let (owner, own) = self
            .by
            .iter()
            .max_by_key(|(_, own)| (own.bytes, Reverse(own.parts.keys().next())))?;
        let parts = own.parts.iter().filter(|_| own.bytes >= at_least);
        let (number, _) = parts.min_by_key(|(_, part)| Reverse(part.bytes))?;
        Some((owner.clone(), *number))
    }

    fn add(&mut self, room: &Room, bytes: usize) {
        let own = self.by.entry(room.owner.clone()).or_default();
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
        let mut held = self.connections.rooms(kind).lock();
        held.rooms += 1;
        Room {
            owner: self.connection.owner(),
            number: held.rooms,
            kind,
            place: self.clone(),
        }
    }
}

/// What a connection holds of a kind, until it is dropped.
pub(crate) struct Room {
    place: Place,
    kind: Kind,
    owner: Owner,
    number: u64,
}

impl Room {
    /// Holds so much more, or no more than before.
    pub(crate) fn grow(&mut self, by: usize) -> Result<(), Spent> {
        let connections = &self.place.connections;
        for connection in connections.rooms(self.kind).grow(self, by)? {
            connections.with_table(|table| table.give_way(Some(connection)));
        }
        Ok(())
    }

    /// Holds so much less.
    pub(crate) fn shrink(&self, by: usize) {
        self.place
            .connections
            .rooms(self.kind)
            .lock()
            .shrink(self, by);
    }

    /// Is held until what was written to its connection so far was taken.
    pub(crate) fn hold_until_taken(self) {
        let connection = Arc::clone(&self.place.connection);
        connection.hold_until_taken(self);
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

    fn connections() -> Connections {
        Connections::with_rooms(Rooms::new(10, 15))
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

    fn gave_way(room: &Room) -> bool {
        room.place.connection.gives_way.load(Ordering::Relaxed)
    }

    /// What one holds.
    fn bytes(connections: &Connections, owner: &str) -> usize {
        let held = connections.rooms(Kind::Bodies).lock();
        let own = held.by.get(&Owner::Network(owner.into()));
        own.map_or(0, |own| own.bytes)
    }

    #[test]
    fn each_has_a_bound_and_gets_back_what_is_dropped() {
        let connections = connections();
        let (mut one, mut another) = (room(&connections, "a"), room(&connections, "a"));
        assert_eq!((one.grow(8), another.grow(3)), (Ok(()), Err(Spent::OfEach)));
        one.shrink(1);
        assert_eq!(another.grow(3), Ok(()));
        drop(one);
        assert_eq!(another.grow(7), Ok(()));
        drop(another);
        let held = connections.rooms(Kind::Bodies).lock();
        assert_eq!((held.in_all, held.by.len()), (0, 0));
    }

    #[test]
    fn where_all_is_held_who_holds_most_loses_their_largest() {
        let connections = connections();
        let (mut small, mut large) = (room(&connections, "a"), room(&connections, "a"));
        let (mut other, mut newcomer) = (room(&connections, "b"), room(&connections, "c"));
        assert_eq!((small.grow(2), large.grow(6)), (Ok(()), Ok(())));
        assert_eq!(other.grow(7), Ok(()));
        assert_eq!(newcomer.grow(9), Err(Spent::InAll), "more than anybody");
        assert_eq!(newcomer.grow(1), Ok(()));
        let held = ["a", "b", "c"].map(|owner| bytes(&connections, owner));
        assert_eq!(held, [2, 7, 1]);
        let gave_way = [&small, &large, &other, &newcomer].map(gave_way);
        assert_eq!(gave_way, [false, true, false, false]);
        drop(large);
        let held = connections.rooms(Kind::Bodies).lock();
        assert_eq!(held.in_all, 10, "what gave way is not given back twice");
    }

    #[test]
    fn of_equal_ones_the_oldest_gives_way() {
        let connections = connections();
        let mut rooms = ["a", "b", "c"].map(|owner| room(&connections, owner));
        for room in &mut rooms {
            assert_eq!(room.grow(5), Ok(()));
        }
        let mut newcomer = room(&connections, "d");
        assert_eq!(newcomer.grow(5), Ok(()));
        let held = ["a", "b", "c", "d"].map(|owner| bytes(&connections, owner));
        assert_eq!(held, [0, 5, 5, 5]);
    }
}
