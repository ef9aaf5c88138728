//! The second reading: a checked archive's issues and comments, one by one, in the form they are stored in.

use std::{fmt, marker::PhantomData, ops::ControlFlow, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use service_kit::{Checker, Problem};

use super::{
    Archive, Piece,
    raw::{RawArchive, RawComment, RawIssue},
};

/// An issue whose comments are still text: they may stand before its title.
type IssueHead<'a> = RawIssue<Option<&'a RawValue>>;

impl Archive {
    /// Hands out each issue and, after it, each of its comments, until `visit` breaks.
    pub fn for_each(&self, mut visit: impl FnMut(Piece) -> ControlFlow<()>) -> Result<(), Problem> {
        let mut stopped = false;
        let mut visit = |piece| {
            stopped = visit(piece).is_break();
            // The parser knows no other way to leave the rest unread.
            let rest = (!stopped).then_some(());
            rest.ok_or_else(|| serde_json::Error::custom("stopped"))
        };
        match self.read_again(&mut visit) {
            Err(error) if !stopped => Err(Problem::internal(error)),
            _ => Ok(()),
        }
    }

    fn read_again(
        &self,
        visit: &mut impl FnMut(Piece) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        let raw: RawArchive<&RawValue> = serde_json::from_slice(&self.json)?;
        each(raw.issues.get(), |issue| self.pieces_of(issue, visit))
    }

    fn pieces_of(
        &self,
        issue: IssueHead<'_>,
        visit: &mut impl FnMut(Piece) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        // What would be wrong was told at the first reading.
        let mut checker = Checker::default();
        let (issue, comments) = issue.check(&self.source, "", &mut checker);
        let name = Arc::clone(&issue.name);
        visit(Piece::Issue(issue))?;
        let mut number = 0;
        each(
            comments.map_or("[]", RawValue::get),
            |comment: RawComment| {
                let comment = comment.check(&name, number, "", &mut checker);
                number += 1;
                visit(Piece::Comment(comment))
            },
        )
    }
}

/// Hands out the entries of a list.
fn each<'de, T: Deserialize<'de>>(
    list: &'de str,
    visit: impl FnMut(T) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    serde_json::Deserializer::from_str(list).deserialize_seq(EntriesVisitor(visit, PhantomData))
}

struct EntriesVisitor<T, F>(F, PhantomData<T>);

impl<'de, T, F> Visitor<'de> for EntriesVisitor<T, F>
where
    T: Deserialize<'de>,
    F: FnMut(T) -> serde_json::Result<()>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element()? {
            self.0(entry).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
