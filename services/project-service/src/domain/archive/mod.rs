//! An issue archive as GitHub's tools export it: checked whole, each fault named by its place.
//!
//! It is read twice and never held as values, because those take many times the room of their text: an
//! archive of nothing but one-letter labels took thirteen times its size. The first time each issue and
//! comment is checked and let go; what is counted, held or quoted of them has a bound. The second time
//! they are handed out one by one, in the form in which they are stored.

mod checked;
mod pieces;
mod quoted;
mod raw;

use std::sync::Arc;

use redis_contracts::{Timestamp, resource::TaskStatus};
use service_kit::{Checker, Code, Problem};

use self::{
    checked::{CheckedIssues, MOST_FAULTS},
    quoted::Quoted,
    raw::RawArchive,
};
use super::fields::Fields;

/// A checked archive: its text, and what is in it.
#[derive(Debug)]
pub struct Archive {
    /// Where the issues come from, `owner/name`.
    source: String,
    json: Vec<u8>,
    issue_total: usize,
    comment_total: usize,
}

/// What an archive consists of.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// An issue; its comments come right after it.
    Issue(Issue),
    /// A comment on the issue before it.
    Comment(ArchivedComment),
}

impl Piece {
    /// Its texts, in bytes.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Issue(issue) => {
                let labels: usize = issue.labels.iter().map(String::len).sum();
                issue.title.len() + issue.description.len() + labels
            }
            Self::Comment(comment) => comment.body.len(),
        }
    }
}

/// What an issue is found by.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct IssueName {
    /// Source and id: the same issue is imported once.
    pub import_key: String,
    /// `owner/name#12`
    pub external_ref: String,
}

/// An issue, on its way to becoming a task. Texts are as they are stored.
#[derive(Debug, PartialEq, Eq)]
pub struct Issue {
    /// What it is found by.
    pub name: Arc<IssueName>,
    /// Title.
    pub title: String,
    /// Body.
    pub description: String,
    /// `todo` when it is open, else `done`.
    pub status: TaskStatus,
    /// Labels.
    pub labels: Vec<String>,
    /// Who opened it.
    pub author: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was closed, if it is.
    pub completed_at: Option<Timestamp>,
}

/// A comment on an issue. Texts are as they are stored.
#[derive(Debug, PartialEq, Eq)]
pub struct ArchivedComment {
    /// On which issue.
    pub issue: Arc<IssueName>,
    /// Its place among the comments of the issue, which is its identity.
    pub place: usize,
    /// Who wrote it.
    pub author: String,
    /// Text.
    pub body: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Archive {
    /// Reads and checks an archive. A fault is a problem that names its place.
    pub fn read(json: Vec<u8>) -> Result<Self, Problem> {
        let deserializer = &mut serde_json::Deserializer::from_slice(&json);
        let Quoted(raw): Quoted<RawArchive<Quoted<CheckedIssues>>> =
            serde_path_to_error::deserialize(&mut *deserializer).map_err(told)?;
        deserializer.end().map_err(|error| unreadable(&error))?;
        let mut checker = Checker::default();
        let source = checker.title("repo", &raw.repo);
        let Quoted(issues) = raw.issues;
        if checker.count() < MOST_FAULTS {
            checker.include("issues", issues.faults);
        }
        checker.finish()?;
        Ok(Self {
            source,
            issue_total: issues.count,
            comment_total: issues.comments,
            json,
        })
    }

    /// Issues in it.
    pub const fn issue_total(&self) -> usize {
        self.issue_total
    }

    /// Comments in it, of all issues.
    pub const fn comment_total(&self) -> usize {
        self.comment_total
    }
}

fn told(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    if !error.inner().is_data() {
        return unreadable(error.inner());
    }
    let path = error.path().to_string();
    let cause = error.into_inner();
    if path == "." {
        return unreadable(&cause);
    }
    Problem::invalid_field(path, cause.to_string())
}

fn unreadable(error: &serde_json::Error) -> Problem {
    if error.is_data() {
        return Problem::invalid_field("archive", error.to_string());
    }
    Problem::new(
        Code::Malformed,
        format!("The archive is not JSON: {error}."),
    )
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::{raw::NOBODY, *};

    const SMALL: &str = r#"{"repo":"o/r","more":1,"issues":[
        {"id":"a","number":5,"title":"One","state":"CLOSED","author":"ann","labels":["bug"],"body":"x\r\ny",
         "createdAt":"2018-05-12T00:16:10Z","updatedAt":"2018-05-12T15:35:30Z","closedAt":"2018-05-12T15:35:30Z",
         "comments":[{"author":null,"body":"Fixed","createdAt":"2018-05-12T15:35:30Z"}]}]}"#;

    fn pieces(archive: &Archive) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let all = archive.for_each(|piece| {
            pieces.push(piece);
            ControlFlow::Continue(())
        });
        all.expect("a checked archive");
        pieces
    }

    #[test]
    fn reads_an_archive() {
        let archive = Archive::read(SMALL.into()).expect("a good archive");
        assert_eq!((archive.issue_total(), archive.comment_total()), (1, 1));
        let pieces = pieces(&archive);
        let [Piece::Issue(issue), Piece::Comment(comment)] = &pieces[..] else {
            panic!("an issue and its comment: {pieces:?}");
        };
        assert_eq!(
            (issue.name.external_ref.as_str(), issue.status),
            ("o/r#5", TaskStatus::Done)
        );
        assert_eq!(issue.description, "x\ny");
        assert_eq!((comment.author.as_str(), comment.place), (NOBODY, 0));
        assert_eq!(comment.issue, issue.name);
        assert_eq!(issue.completed_at, Some(issue.updated_at));
    }

    fn fault(from: &str, to: &str) -> Problem {
        let broken = SMALL.replace(from, to);
        assert_ne!(broken, SMALL);
        Archive::read(broken.into()).expect_err("broken")
    }

    #[test]
    fn names_the_place_of_each_fault() {
        for (from, to, place) in [
            (r#""title":"One""#, r#""title":7"#, "issues[0].title"),
            (r#""title":"One""#, r#""title":"""#, "issues[0].title"),
            (r#""title":"One","#, "", "issues[0]"),
            ("CLOSED", "MERGED", "issues[0].state"),
            ("2018-05-12T00:16:10Z", "yesterday", "issues[0].createdAt"),
            ("Fixed", r"Fix\u0000ed", "issues[0].comments[0].body"),
            (r#"["bug"]"#, r#"[""]"#, "issues[0].labels[0]"),
            (r#""repo":"o/r","#, "", "archive"),
        ] {
            let problem = fault(from, to);
            assert_eq!(problem.code, Code::Invalid, "{to}");
            assert_eq!(problem.errors[0].field, place, "{to}");
        }
        assert_eq!(fault("}]}]}", "}]}").code, Code::Malformed);
        assert!(fault("}]}]}", "}]}").detail.contains("line"));
    }

    #[test]
    fn an_array_stands_for_an_object_in_the_order_of_its_fields() {
        let time = r#""2018-05-12T00:16:10Z""#;
        let comment = format!(r#"[null,"Fixed",{time},null]"#);
        let issue =
            format!(r#"["a",5,"One","OPEN",null,["bug"],"x",{time},null,null,[{comment}]]"#);
        let archive = Archive::read(format!(r#"["o/r",[{issue}]]"#).into()).expect("an archive");
        let pieces = pieces(&archive);
        assert!(matches!(&pieces[0], Piece::Issue(issue) if issue.title == "One"));
        assert!(matches!(&pieces[1], Piece::Comment(comment) if comment.body == "Fixed"));
    }

    #[test]
    fn a_part_of_another_type_is_named_by_its_place_and_quoted_up_to_a_bound() {
        let long = format!("\"{}\"", "x".repeat(100_000));
        for (from, place) in [
            ("5,\"title\"", "issues[0].number"),
            (r#""2018-05-12T00:16:10Z""#, "issues[0].createdAt"),
            (r#""CLOSED""#, "issues[0].state"),
            (r#"["bug"]"#, "issues[0].labels"),
        ] {
            let to = format!(
                "{long}{}",
                &from[from.find(',').filter(|at| *at == 1).unwrap_or(from.len())..]
            );
            let problem = fault(from, &to);
            assert_eq!(problem.errors[0].field, place);
            assert!(problem.errors[0].message.len() <= 200, "{problem}");
        }
        let whole = Archive::read(long.clone().into()).expect_err("a text");
        assert_eq!(whole.errors[0].field, "archive");
    }

    #[test]
    fn faults_are_told_in_the_order_of_the_archive_and_those_left_are_counted() {
        let comment = r#"{"body":"\u0000","createdAt":"2018-05-12T15:35:30Z"}"#;
        let comments = vec![comment; 30].join(",");
        let problem = fault(
            r#"{"author":null,"body":"Fixed","createdAt":"2018-05-12T15:35:30Z"}"#,
            &comments,
        );
        assert_eq!(problem.errors[0].field, "issues[0].comments[0].body");
        assert_eq!(problem.errors[19].field, "issues[0].comments[19].body");
        assert_eq!(problem.errors[20].message, "10 more are wrong");
        // A fault of type is the only one, wherever it is.
        let typed = comments + r#",{"body":7,"createdAt":"2018-05-12T15:35:30Z"}"#;
        let problem = fault(
            r#"{"author":null,"body":"Fixed","createdAt":"2018-05-12T15:35:30Z"}"#,
            &typed,
        );
        assert_eq!(problem.errors.len(), 1);
        assert_eq!(problem.errors[0].field, "issues[0].comments[30].body");
    }

    #[test]
    fn labels_over_the_bound_are_counted_and_still_have_to_be_texts() {
        let labels = |last: &str| format!("[{}{last}]", r#""x","#.repeat(1000));
        let problem = fault(r#"["bug"]"#, &labels(r#""x""#));
        assert_eq!(problem.errors[0].field, "issues[0].labels");
        assert_eq!(problem.errors[0].message, "at most 32; there are 1001");
        let problem = fault(r#"["bug"]"#, &labels("7"));
        assert_eq!(problem.errors[0].field, "issues[0].labels[1000]");
    }
}
