//! How a key is declared: instance, pattern, lifetime and value type in one place.

use std::{fmt, marker::PhantomData, time::Duration};

use uuid::Uuid;

use crate::{Instance, RedisInstance, STREAM_BYTES};

/// The Redis data type behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string value.
    String,
    /// A hash.
    Hash,
    /// A sorted set.
    SortedSet,
    /// A set.
    Set,
    /// A stream whose entries have the one field `event`.
    Stream,
    /// A Pub/Sub channel: nothing is stored.
    Channel,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::Hash => "hash",
            Self::SortedSet => "sorted set",
            Self::Set => "set",
            Self::Stream => "stream",
            Self::Channel => "channel",
        })
    }
}

/// How long what a name holds lives, and what bounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// The key expires this long after it was last written.
    Ttl(Duration),
    /// The key expires when it says nothing any more: at the end of its limit's window.
    Window,
    /// Entries older than this are trimmed, and what takes more than [`STREAM_BYTES`].
    MaxAge(Duration),
    /// Only the newest entries are kept.
    Newest(u64),
    /// Only the newest entries are kept, and the key expires some time after the last.
    Timeline(Timeline),
    /// The key is the state of record; it stays.
    Permanent,
    /// Nothing is stored.
    Transient,
}

/// The bounds of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Entries that are kept.
    pub newest: u64,
    /// About so many bytes of them.
    pub bytes: u64,
    /// The key expires so long after the last.
    pub idle: Duration,
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ttl(ttl) => write!(f, "TTL {} s", ttl.as_secs()),
            Self::Window => f.write_str("TTL of its window"),
            Self::MaxAge(age) => write!(
                f,
                "entries for {} d, {} MiB",
                age.as_secs() / 86_400,
                STREAM_BYTES >> 20
            ),
            Self::Newest(count) => write!(f, "newest {count} entries"),
            Self::Timeline(of) => write!(
                f,
                "newest {} entries, {} MiB, {} d after the last",
                of.newest,
                of.bytes >> 20,
                of.idle.as_secs() / 86_400
            ),
            Self::Permanent => f.write_str("stays"),
            Self::Transient => f.write_str("not stored"),
        }
    }
}

/// All that is said of a Redis name.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The name with its placeholders in braces. Braces are never written.
    pub pattern: &'static str,
    /// Data type.
    pub kind: Kind,
    /// TTL or bound.
    pub lifetime: Lifetime,
    /// Who writes it.
    pub producer: &'static str,
    /// What it holds, for the reference.
    pub holds: &'static str,
}

impl Declaration {
    /// Fills the placeholders of the pattern, in order.
    pub(crate) fn fill(&self, args: &[String]) -> String {
        let mut name = String::with_capacity(self.pattern.len() + 36 * args.len());
        let mut rest = self.pattern;
        let mut args = args.iter();
        while let Some((before, after)) = rest.split_once('{') {
            name.push_str(before);
            name.push_str(args.next().map_or("", String::as_str));
            rest = after.split_once('}').map_or("", |(_, tail)| tail);
        }
        name.push_str(rest);
        name
    }
}

/// What the placeholders of a pattern are filled with.
pub trait KeyArgs {
    /// The texts, in the order of the placeholders.
    fn texts(&self) -> Vec<String>;
}

impl KeyArgs for () {
    fn texts(&self) -> Vec<String> {
        Vec::new()
    }
}

impl KeyArgs for u64 {
    fn texts(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

impl KeyArgs for Uuid {
    fn texts(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

impl KeyArgs for &str {
    fn texts(&self) -> Vec<String> {
        vec![(*self).to_owned()]
    }
}

impl KeyArgs for (&str, String) {
    fn texts(&self) -> Vec<String> {
        vec![self.0.to_owned(), self.1.clone()]
    }
}

impl KeyArgs for (String, String) {
    fn texts(&self) -> Vec<String> {
        vec![self.0.clone(), self.1.clone()]
    }
}

impl KeyArgs for String {
    fn texts(&self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl KeyArgs for (Uuid, String) {
    fn texts(&self) -> Vec<String> {
        vec![self.0.to_string(), self.1.clone()]
    }
}

/// A family of keys: instance `I`, value `V`, placeholders filled by `A`.
pub struct KeyFamily<I, V, A> {
    declaration: Declaration,
    types: PhantomData<fn(A) -> (I, V)>,
}

impl<I: RedisInstance, V, A: KeyArgs> KeyFamily<I, V, A> {
    /// Declares the family.
    pub const fn new(declaration: Declaration) -> Self {
        Self {
            declaration,
            types: PhantomData,
        }
    }

    /// The key for these arguments.
    pub fn key(&self, args: A) -> Key<I, V> {
        Key {
            name: self.declaration.fill(&args.texts()),
            lifetime: self.declaration.lifetime,
            types: PhantomData,
        }
    }

    /// The TTL of a key of this family, where it has a fixed one.
    pub const fn ttl(&self) -> Option<Duration> {
        match self.declaration.lifetime {
            Lifetime::Ttl(ttl) => Some(ttl),
            _ => None,
        }
    }

    pub(crate) const fn lifetime(&self) -> Lifetime {
        self.declaration.lifetime
    }

    pub(crate) fn entry(&self) -> (Instance, Declaration, &'static str) {
        let value = std::any::type_name::<V>();
        let short = value.rsplit("::").next().unwrap_or(value);
        (I::INSTANCE, self.declaration, short)
    }
}

impl<I: RedisInstance, V> KeyFamily<I, V, Uuid> {
    /// Matches the names of all its keys, for SCAN.
    pub fn every(&self) -> String {
        self.declaration.fill(&["*".to_owned()])
    }

    /// The id in the name of one of its keys; `None` for the name of another key.
    pub fn id_of(&self, name: &str) -> Option<Uuid> {
        let (before, rest) = self.declaration.pattern.split_once('{')?;
        let (_, after) = rest.split_once('}')?;
        let id = name.strip_prefix(before)?.strip_suffix(after)?;
        Uuid::try_parse(id).ok()
    }
}

/// One key, knowing its instance, its value type and its lifetime.
pub struct Key<I, V> {
    name: String,
    lifetime: Lifetime,
    types: PhantomData<fn() -> (I, V)>,
}

impl<I, V> Key<I, V> {
    /// The exact name in Redis.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The TTL to write it with, where the declaration fixes one.
    pub const fn ttl(&self) -> Option<Duration> {
        match self.lifetime {
            Lifetime::Ttl(ttl) => Some(ttl),
            _ => None,
        }
    }
}

impl<I, V> Clone for Key<I, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            lifetime: self.lifetime,
            types: PhantomData,
        }
    }
}

impl<I, V> fmt::Debug for Key<I, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
