//! The first reading: issues and comments that are checked as they come, counted, and let go.

use std::{
    collections::HashSet,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use service_kit::Checker;

use super::{
    IssueName,
    quoted::Quoted,
    raw::{RawComment, RawIssue},
};

/// Faults told at once; more do not help. Types are still looked at, for theirs comes first.
pub(super) const MOST_FAULTS: usize = 20;

/// Issues that were checked.
#[derive(Default)]
pub(super) struct CheckedIssues {
    pub count: usize,
    /// Comments of all of them.
    pub comments: usize,
    /// What is wrong; places begin at the list.
    pub faults: Checker,
}

impl<'de> Deserialize<'de> for CheckedIssues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(IssuesVisitor)
    }
}

struct IssuesVisitor;

impl<'de> Visitor<'de> for IssuesVisitor {
    type Value = CheckedIssues;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut issues: A) -> Result<CheckedIssues, A::Error> {
        let mut checked = CheckedIssues::default();
        let mut seen = Seen::default();
        while let Some(Quoted(issue)) = issues.next_element()? {
            checked.add(issue, &mut seen);
        }
        Ok(checked)
    }
}

impl CheckedIssues {
    fn add(&mut self, issue: RawIssue<Quoted<CheckedComments>>, seen: &mut Seen) {
        let place = format!("[{}]", self.count);
        self.count += 1;
        self.comments += issue.comments.0.count;
        if self.faults.count() >= MOST_FAULTS {
            return;
        }
        if !seen.is_first(&issue.id) {
            self.faults.refuse(
                format!("{place}.id"),
                "each issue once; this id was there before",
            );
        }
        // Where it comes from is part of its name, and may stand behind the issues; nothing is kept of it here.
        let (_, Quoted(comments)) = issue.check("", &place, &mut self.faults);
        self.faults
            .include(&format!("{place}.comments"), comments.faults);
    }
}

/// Comments of one issue that were checked.
#[derive(Default)]
struct CheckedComments {
    count: usize,
    faults: Checker,
}

impl<'de> Deserialize<'de> for CheckedComments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(CommentsVisitor)
    }
}

struct CommentsVisitor;

impl<'de> Visitor<'de> for CommentsVisitor {
    type Value = CheckedComments;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut comments: A) -> Result<CheckedComments, A::Error> {
        let mut checked = CheckedComments::default();
        let nobody = Arc::new(IssueName::default());
        while let Some(Quoted(comment)) = comments.next_element::<Quoted<RawComment>>()? {
            let (number, place) = (checked.count, format!("[{}]", checked.count));
            comment.check(&nobody, number, &place, &mut checked.faults);
            checked.count += 1;
        }
        Ok(checked)
    }
}

/// Ids that were there, each as two hashes under keys of its own: short ids would take more room as texts
/// than in the archive.
#[derive(Default)]
struct Seen {
    keys: [RandomState; 2],
    ids: HashSet<[u64; 2]>,
}

impl Seen {
    fn is_first(&mut self, id: &str) -> bool {
        let hashes = [self.keys[0].hash_one(id), self.keys[1].hash_one(id)];
        self.ids.insert(hashes)
    }
}
