//! An issue archive as GitHub's tools export it: checked whole, each fault named by its place.

use std::collections::HashSet;

use redis_contracts::Timestamp;
use serde::Deserialize;
use service_kit::{Checker, Code, Problem};

use super::{
    board::TaskStatus,
    fields::{Fields, LONGEST_TEXT},
};

/// Faults told at once; more do not help.
const MOST_FAULTS: usize = 20;

/// Who wrote what an archive has no author for, as GitHub shows deleted accounts.
const NOBODY: &str = "ghost";

/// A checked archive. Texts are as they are stored.
#[derive(Debug, PartialEq, Eq)]
pub struct Archive {
    /// Where the issues come from, `owner/name`.
    pub source: String,
    /// The issues, in the archive's order.
    pub issues: Vec<Issue>,
}

/// An issue, on its way to becoming a task.
#[derive(Debug, PartialEq, Eq)]
pub struct Issue {
    /// Source and id: the same issue is imported once.
    pub import_key: String,
    /// `owner/name#12`
    pub external_ref: String,
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
    /// Comments; their place is their identity.
    pub comments: Vec<ArchivedComment>,
}

/// A comment on an issue.
#[derive(Debug, PartialEq, Eq)]
pub struct ArchivedComment {
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
    /// Comments of all issues.
    pub fn comment_total(&self) -> usize {
        self.issues.iter().map(|issue| issue.comments.len()).sum()
    }

    /// Reads an archive. A fault is a problem that names its place.
    pub fn read(json: &[u8]) -> Result<Self, Problem> {
        let deserializer = &mut serde_json::Deserializer::from_slice(json);
        let raw: RawArchive = serde_path_to_error::deserialize(&mut *deserializer).map_err(told)?;
        deserializer.end().map_err(|error| unreadable(&error))?;
        let mut checker = Checker::default();
        let source = checker.title("repo", &raw.repo);
        let mut seen = HashSet::new();
        let mut issues = Vec::with_capacity(raw.issues.len());
        for (index, issue) in raw.issues.into_iter().enumerate() {
            let place = format!("issues[{index}]");
            if !seen.insert(issue.id.clone()) {
                checker.refuse(
                    format!("{place}.id"),
                    "each issue once; this id was there before",
                );
            }
            issues.push(issue.check(&source, &place, &mut checker));
            if checker.count() >= MOST_FAULTS {
                break;
            }
        }
        checker.finish()?;
        Ok(Self { source, issues })
    }
}

fn told(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let path = error.path().to_string();
    let cause = error.into_inner();
    if cause.is_data() && path != "." {
        Problem::invalid_field(path, cause.to_string())
    } else {
        unreadable(&cause)
    }
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

/// Fields that are not listed are not for us; archives have many.
#[derive(Deserialize)]
#[serde(expecting = "an archive {repo, issues}")]
struct RawArchive {
    repo: String,
    issues: Vec<RawIssue>,
}

#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    expecting = "an issue {id, number, title, state, ...}"
)]
struct RawIssue {
    id: String,
    number: u64,
    title: String,
    state: State,
    author: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    body: Option<String>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    #[serde(default)]
    comments: Vec<RawComment>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum State {
    Open,
    Closed,
}

#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    expecting = "a comment {author, body, createdAt}"
)]
struct RawComment {
    author: Option<String>,
    body: Option<String>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
}

impl RawIssue {
    fn check(self, source: &str, place: &str, checker: &mut Checker) -> Issue {
        let at = |field: &str| format!("{place}.{field}");
        if self.id.is_empty() || self.id.chars().count() > 300 {
            checker.refuse(at("id"), "1 to 300 characters");
        }
        let closed = self.state == State::Closed;
        let updated_at = self.updated_at.unwrap_or(self.created_at);
        let comments = self.comments.into_iter().enumerate();
        Issue {
            import_key: format!("{source} {}", self.id),
            external_ref: format!("{source}#{}", self.number),
            title: checker.title(&at("title"), &self.title),
            description: text(&at("body"), self.body, checker),
            status: if closed {
                TaskStatus::Done
            } else {
                TaskStatus::Todo
            },
            labels: checker.task_labels(&at("labels"), &self.labels),
            author: author(&at("author"), self.author, checker),
            created_at: self.created_at,
            updated_at,
            completed_at: closed.then(|| self.closed_at.unwrap_or(updated_at)),
            comments: comments
                .map(|(index, comment)| comment.check(&at(&format!("comments[{index}]")), checker))
                .collect(),
        }
    }
}

impl RawComment {
    fn check(self, place: &str, checker: &mut Checker) -> ArchivedComment {
        ArchivedComment {
            author: author(&format!("{place}.author"), self.author, checker),
            body: text(&format!("{place}.body"), self.body, checker),
            created_at: self.created_at,
            updated_at: self.updated_at.unwrap_or(self.created_at),
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

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"repo":"o/r","more":1,"issues":[
        {"id":"a","number":5,"title":"One","state":"CLOSED","author":"ann","labels":["bug"],"body":"x\r\ny",
         "createdAt":"2018-05-12T00:16:10Z","updatedAt":"2018-05-12T15:35:30Z","closedAt":"2018-05-12T15:35:30Z",
         "comments":[{"author":null,"body":"Fixed","createdAt":"2018-05-12T15:35:30Z"}]}]}"#;

    #[test]
    fn reads_an_archive() {
        let archive = Archive::read(SMALL.as_bytes()).expect("a good archive");
        let issue = &archive.issues[0];
        assert_eq!(
            (issue.external_ref.as_str(), issue.status),
            ("o/r#5", TaskStatus::Done)
        );
        assert_eq!(issue.description, "x\ny");
        assert_eq!(issue.comments[0].author, NOBODY);
        assert_eq!(issue.completed_at, Some(issue.updated_at));
    }

    fn fault(from: &str, to: &str) -> Problem {
        let broken = SMALL.replace(from, to);
        assert_ne!(broken, SMALL);
        Archive::read(broken.as_bytes()).expect_err("broken")
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
}
