//! An archive's parts as they are written, and what each has to be.

use std::{fmt, sync::Arc};

use redis_contracts::{Timestamp, resource::TaskStatus};
use serde::{
    Deserialize, Deserializer,
    de::{EnumAccess, Error, SeqAccess, VariantAccess, Visitor},
};
use service_kit::Checker;

use super::{
    ArchivedComment, Issue, IssueName,
    quoted::{Quoted, quote},
};
use crate::domain::fields::{Fields, LONGEST_TEXT, MOST_LABELS};

/// Who wrote what an archive has no author for, as GitHub shows deleted accounts.
pub(super) const NOBODY: &str = "ghost";

/// Longest id of an issue, in characters.
const LONGEST_ID: usize = 300;

/// Fields that are not listed are not for us; archives have many.
#[derive(Deserialize)]
#[serde(expecting = "an archive {repo, issues}")]
pub(super) struct RawArchive<I> {
    pub repo: String,
    pub issues: I,
}

#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    expecting = "an issue {id, number, title, state, ...}"
)]
pub(super) struct RawIssue<C> {
    pub id: String,
    number: Quoted<u64>,
    title: String,
    state: State,
    author: Option<String>,
    #[serde(default)]
    labels: Quoted<RawLabels>,
    body: Option<String>,
    created_at: Quoted<Timestamp>,
    updated_at: Option<Quoted<Timestamp>>,
    closed_at: Option<Quoted<Timestamp>>,
    #[serde(default)]
    pub comments: C,
}

#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    expecting = "a comment {author, body, createdAt}"
)]
pub(super) struct RawComment {
    author: Option<String>,
    body: Option<String>,
    created_at: Quoted<Timestamp>,
    updated_at: Option<Quoted<Timestamp>>,
}

impl<C> RawIssue<C> {
    /// The issue without its comments. `place` is where it is in the archive.
    pub fn check(self, source: &str, place: &str, checker: &mut Checker) -> (Issue, C) {
        let at = |field: &str| format!("{place}.{field}");
        if self.id.is_empty() || self.id.chars().count() > LONGEST_ID {
            checker.refuse(at("id"), "1 to 300 characters");
        }
        let Quoted(created_at) = self.created_at;
        let updated_at = self.updated_at.map_or(created_at, |Quoted(time)| time);
        let closed_at = self.closed_at.map_or(updated_at, |Quoted(time)| time);
        let closed = self.state == State::Closed;
        let issue = Issue {
            name: Arc::new(IssueName {
                import_key: format!("{source} {}", self.id),
                external_ref: format!("{source}#{}", self.number.0),
            }),
            title: checker.title(&at("title"), &self.title),
            description: text(&at("body"), self.body, checker),
            status: if closed {
                TaskStatus::Done
            } else {
                TaskStatus::Todo
            },
            labels: self.labels.0.check(&at("labels"), checker),
            author: author(&at("author"), self.author, checker),
            created_at,
            updated_at,
            completed_at: closed.then_some(closed_at),
        };
        (issue, self.comments)
    }
}

impl RawComment {
    /// The comment at `number` on an issue. `place` is where it is in the archive.
    pub fn check(
        self,
        issue: &Arc<IssueName>,
        number: usize,
        place: &str,
        checker: &mut Checker,
    ) -> ArchivedComment {
        let Quoted(created_at) = self.created_at;
        ArchivedComment {
            issue: Arc::clone(issue),
            place: number,
            author: author(&format!("{place}.author"), self.author, checker),
            body: text(&format!("{place}.body"), self.body, checker),
            created_at,
            updated_at: self.updated_at.map_or(created_at, |Quoted(time)| time),
        }
    }
}

fn text(place: &str, text: Option<String>, checker: &mut Checker) -> String {
    checker.text(place, &text.unwrap_or_default(), 0, LONGEST_TEXT)
}

fn author(place: &str, name: Option<String>, checker: &mut Checker) -> String {
    match name {
        Some(name) if !name.is_empty() => checker.title(place, &name),
        _ => NOBODY.to_owned(),
    }
}

/// As many labels as a task may have, and how many there are.
#[derive(Default)]
struct RawLabels {
    held: Vec<String>,
    count: usize,
}

impl RawLabels {
    fn check(&self, place: &str, checker: &mut Checker) -> Vec<String> {
        if !checker.at_most(place, self.count, MOST_LABELS) {
            return Vec::new();
        }
        checker.task_labels(place, &self.held)
    }
}

impl<'de> Deserialize<'de> for RawLabels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(LabelsVisitor)
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = RawLabels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut labels: A) -> Result<RawLabels, A::Error> {
        let mut read = RawLabels::default();
        while let Some(label) = labels.next_element::<String>()? {
            read.count += 1;
            if read.count <= MOST_LABELS {
                read.held.push(label);
            }
        }
        Ok(read)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed,
}

/// What `derive` would make of it, but that a fault quotes only the beginning of a long text.
impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("State", STATES, StateVisitor)
    }
}

const STATES: &[&str] = &["OPEN", "CLOSED"];

struct StateVisitor;

impl<'de> Visitor<'de> for StateVisitor {
    type Value = State;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("enum State")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<State, A::Error> {
        let (StateName(state), rest) = data.variant()?;
        rest.unit_variant()?;
        Ok(state)
    }
}

struct StateName(State);

impl<'de> Deserialize<'de> for StateName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(StateNameVisitor)
    }
}

struct StateNameVisitor;

impl Visitor<'_> for StateNameVisitor {
    type Value = StateName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("variant identifier")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<StateName, E> {
        match name {
            "OPEN" => Ok(StateName(State::Open)),
            "CLOSED" => Ok(StateName(State::Closed)),
            other => Err(E::unknown_variant(quote(other), STATES)),
        }
    }
}
