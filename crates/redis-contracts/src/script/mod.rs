//! The Lua scripts: named, documented, and called with keys of one instance only.

mod append;
mod learning;
mod mentor;
mod projects;
mod security;
mod session;
mod share;
mod sign_in;
mod worker;

use std::time::Duration;

pub use append::{AppendReply, Hearing};
pub use learning::{Learned, Learner, LearningPolicy, Lesson, learn};
pub use mentor::{Adapted, RecordReply, RecordSignal, mark_seen, record_reply, record_signal};
pub use projects::{Append, append_project_events};
pub use security::{SecurityAppend, append_security_events};
pub use session::put_session;
pub use share::{Counted, count_share};
pub use sign_in::{Limit, Lock, Measure, Period, admit, give_back, record_failure};
pub use worker::{dead_letter, hold, repair_log, repair_stream, tidy_stream};

use crate::{RedisInstance, StreamFamily, Timeline};

/// A Lua script. Each is safe to send again when its reply was lost: it looks at what is held first.
#[derive(Debug)]
pub struct Script {
    /// Name in metrics, logs and the reference.
    pub name: &'static str,
    /// Lua source, whole.
    pub source: &'static str,
    /// The part of it that is this script's own; its head documents KEYS, ARGV and the reply.
    pub own: &'static str,
}

macro_rules! source {
    ($name:literal) => {
        include_str!(concat!($name, ".lua"))
    };
    ($name:literal, $prelude:literal) => {
        concat!(
            include_str!(concat!($prelude, ".lua")),
            "\n",
            include_str!(concat!($name, ".lua"))
        )
    };
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $constant:ident = $name:literal $(after $prelude:literal)?;)+) => {
        $($(#[$doc])* pub static $constant: Script = Script {
            name: $name,
            source: source!($name $(, $prelude)?),
            own: include_str!(concat!($name, ".lua")),
        };)+

        /// Every script.
        pub static SCRIPTS: &[&Script] = &[$(&$constant),+];
    };
}

scripts! {
    /// Compare-and-append of events: XADD and, where there is one, XADD to the timeline and PUBLISH.
    APPEND = "append" after "prelude";
    /// Writes a session's hot copy, unless a better one is held.
    PUT_SESSION = "put_session";
    /// Decides over a request by its lock and all its limits at once.
    ADMIT = "admit";
    /// Gives back what was taken from limits.
    GIVE_BACK = "give_back";
    /// Counts what a person has added in a day, as each process knows it.
    COUNT_SHARE = "count_share";
    /// Counts a wrong password, and locks after too many.
    RECORD_FAILURE = "record_failure";
    /// Records a reply of the mentor and its events at once.
    RECORD_REPLY = "record_reply" after "prelude";
    /// Appends a rating or an interaction, once per idempotency key.
    RECORD_SIGNAL = "record_signal" after "prelude";
    /// Remembers up to where a person has seen a project.
    MARK_SEEN = "mark_seen" after "prelude";
    /// Effect and XACK of a batch of entries at once.
    LEARN = "learn" after "prelude";
    /// Moves an entry to the dead letters.
    DEAD_LETTER = "dead_letter" after "prelude";
    /// Lengthens a consumer's hold on entries.
    HOLD = "hold";
    /// Trims a stream to what is young or not yet acknowledged, and takes back a group that is ahead of it.
    TIDY_STREAM = "tidy_stream" after "prelude";
    /// Takes out of a stream what its producer has not appended.
    REPAIR_STREAM = "repair_stream" after "prelude";
}

/// A script with its keys and arguments, for the instance `I`.
pub struct Invocation<I> {
    /// The script.
    pub script: &'static Script,
    /// KEYS.
    pub keys: Vec<String>,
    /// ARGV.
    pub args: Vec<Vec<u8>>,
    instance: std::marker::PhantomData<fn() -> I>,
}

impl<I: RedisInstance> Invocation<I> {
    const fn new(script: &'static Script, keys: Vec<String>, args: Vec<Vec<u8>>) -> Self {
        Self {
            script,
            keys,
            args,
            instance: std::marker::PhantomData,
        }
    }

    /// Bytes of its arguments: about what a script that records them adds to Redis.
    pub fn bytes(&self) -> u64 {
        self.args.iter().map(|arg| arg.len() as u64).sum()
    }
}

fn text(value: impl std::fmt::Display) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn seconds(duration: Option<Duration>) -> Vec<u8> {
    text(duration.unwrap_or_default().as_secs())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// How long a stream keeps an entry, in ms.
fn max_age(stream: &StreamFamily<()>) -> Vec<u8> {
    text(millis(stream.max_age().unwrap_or_default()))
}

/// As `add_to_timeline` of the prelude takes them.
fn timeline_bounds(of: Timeline) -> [Vec<u8>; 3] {
    [text(of.newest), text(of.bytes), text(millis(of.idle))]
}
