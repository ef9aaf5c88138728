//! The built-in mentor: from what was asked and the asker's projects to a reply. It says only what the
//! projects show, each claim with its reference, and one sentence when there is nothing to say.

mod advice;
mod changes;
mod draft;
mod facts;
mod intent;
mod manner;
mod phrases;
mod points;
mod suggestion;
#[cfg(test)]
mod tests;
mod wording;

use std::{cmp::Reverse, collections::BTreeMap};

use redis_contracts::{Position, Style, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use self::{
    changes::Naming,
    draft::Draft,
    intent::{Focus, Intent},
    manner::{Form, Manner},
    points::{PRESSING, Point, Reason},
    wording::{counted, listed},
};
pub(crate) use self::{
    facts::{Attention, Change, Changes, Project, Status, Task, open_steps},
    suggestion::{Suggestion, SuggestionKind},
};

/// What was asked, by whom and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) message: &'a str,
    pub(crate) asker: Uuid,
    pub(crate) now: Timestamp,
}

/// What a claim can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReferenceKind {
    Project,
    Task,
}

impl ReferenceKind {
    /// Its name outside.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Task => "task",
        }
    }
}

/// What a claim is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Reference {
    pub(crate) kind: ReferenceKind,
    pub(crate) id: Uuid,
    /// `KEY` or `KEY-12`
    pub(crate) name: String,
}

/// The list of its fields, as replies are stored.
impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.kind, self.id, &self.name).serialize(serializer)
    }
}

/// A reply without the circumstances it was given in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Composed {
    pub(crate) text: String,
    pub(crate) references: Vec<Reference>,
    pub(crate) suggestions: Vec<Suggestion>,
    /// Per project whose changes or state were told, up to where.
    pub(crate) seen: BTreeMap<Uuid, Position>,
}

/// The reference in a message to a task of one of these projects.
pub(crate) fn asked_task(message: &str, projects: &[Project]) -> Option<String> {
    match intent_of(message, projects) {
        Intent::Task(reference) => Some(reference),
        _ => None,
    }
}

fn intent_of(message: &str, projects: &[Project]) -> Intent {
    let keys: Vec<_> = projects
        .iter()
        .map(|project| project.key.as_str())
        .collect();
    intent::of(message, &keys)
}

/// Composes a reply. `task` is the one that the message names, where there is one.
pub(crate) fn compose(
    question: Question<'_>,
    mut projects: Vec<Project>,
    task: Option<&Task>,
    style: &Style,
) -> Composed {
    projects.sort_by_key(|project| Reverse(project.pressure()));
    let manner = Manner::from(style);
    let mut draft = Draft::new(question);
    let text = match intent_of(question.message, &projects) {
        Intent::Help => help(manner),
        _ if projects.is_empty() => {
            "You have no active projects, so there is nothing to tell yet.".to_owned()
        }
        Intent::Briefing => briefing(&mut draft, &projects, manner),
        Intent::Changes => told_changes(&mut draft, &projects, manner),
        Intent::Next => next(&mut draft, &projects, manner),
        Intent::Focus(focus) => focused(&mut draft, focus, &projects, manner),
        Intent::Task(reference) => about(&mut draft, &reference, task, &projects, manner),
    };
    draft.reply.text = text;
    draft.reply
}

/// What changed, and what to do next.
fn briefing(draft: &mut Draft, projects: &[Project], manner: Manner) -> String {
    let points = points::next(projects, advice::room(manner));
    let is_quiet = |project: &Project| {
        let changes = project.changes.as_ref();
        changes.is_some_and(|changes| changes.total == 0)
    };
    if points.is_empty() && projects.iter().all(is_quiet) {
        let place = place(draft, projects);
        return format!(
            "Nothing has changed in {place} since you were last here, and nothing needs you now."
        );
    }
    let naming = Naming {
        most: if manner.detailed { 3 } else { 0 },
        form: Form::Explanation,
    };
    let mut parts = changes::tell(draft, projects, manner, naming);
    parts.extend(advised(draft, &points, projects, manner));
    joined(&parts, manner)
}

fn told_changes(draft: &mut Draft, projects: &[Project], manner: Manner) -> String {
    let most = match (manner.form, manner.detailed) {
        (Form::Example, _) => 1,
        (_, true) => 5,
        (_, false) => 2,
    };
    let form = manner.form;
    let parts = changes::tell(draft, projects, manner, Naming { most, form });
    joined(&parts, manner)
}

fn next(draft: &mut Draft, projects: &[Project], manner: Manner) -> String {
    let points = points::next(projects, advice::room(manner));
    let parts = advised(draft, &points, projects, manner);
    if parts.is_empty() {
        return format!("Nothing in {} needs you now.", place(draft, projects));
    }
    joined(&parts, manner)
}

/// The advice, and in detail what there is beyond it.
fn advised(
    draft: &mut Draft,
    points: &[Point<'_>],
    projects: &[Project],
    manner: Manner,
) -> Vec<String> {
    if points.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![advice::write(draft, points, manner)];
    if manner.detailed {
        let mut closing: Vec<_> = advice::more(draft, &PRESSING, projects, points)
            .into_iter()
            .collect();
        if let [project] = projects {
            closing.extend(this_week(draft, project));
        }
        closing.extend(ending(points, manner));
        parts.extend((!closing.is_empty()).then(|| closing.join(" ")));
    }
    parts
}

/// How the project goes. Where no visit is known, its board was told already.
fn this_week(draft: &mut Draft, project: &Project) -> Option<String> {
    let key = draft.project(project);
    let done = match project.done_this_week {
        0 => None,
        1 => Some("1 task was done this week".to_owned()),
        count => Some(format!("{count} tasks were done this week")),
    };
    match (&project.changes, done) {
        (None, done) => done.map(|done| format!("In {key}, {done}.")),
        (Some(_), None) => Some(format!("{key} stands at {}.", changes::board(project))),
        (Some(_), Some(done)) => Some(format!(
            "{key} stands at {}; {done}.",
            changes::board(project)
        )),
    }
}

fn ending(points: &[Point<'_>], manner: Manner) -> Option<String> {
    let many = points.len() > 1 && manner.supportive;
    many.then(|| "One at a time is enough.".to_owned())
}

/// One list.
fn focused(draft: &mut Draft, focus: Focus, projects: &[Project], manner: Manner) -> String {
    let reason = Reason::from(focus);
    let total = reason.total(projects);
    let place = place(draft, projects);
    if total == 0 {
        return none_of(focus, &place, projects);
    }
    let (one, many) = match focus {
        Focus::Overdue => ("task is overdue", "tasks are overdue"),
        Focus::Stuck => ("task is stuck", "tasks are stuck"),
        Focus::Unreviewed => ("task has waited in review", "tasks have waited in review"),
        Focus::Big => (
            "task is big enough to split",
            "tasks are big enough to split",
        ),
    };
    let points = points::of_list(reason, projects, advice::room(manner));
    let mut parts = vec![format!("{} in {place}.", counted(total, one, many))];
    parts.push(advice::write(draft, &points, manner));
    if manner.detailed {
        let more = advice::more(draft, &[reason], projects, &points);
        let closing: Vec<_> = more.into_iter().chain(ending(&points, manner)).collect();
        parts.extend((!closing.is_empty()).then(|| closing.join(" ")));
    }
    joined(&parts, manner)
}

fn none_of(focus: Focus, place: &str, projects: &[Project]) -> String {
    let in_review: u32 = projects.iter().map(|project| project.in_review).sum();
    match (focus, in_review) {
        (Focus::Overdue, _) => format!("Nothing in {place} is overdue."),
        (Focus::Stuck, _) => format!("Nothing in {place} is stuck."),
        (Focus::Big, _) => format!("Nothing in {place} is big enough to split."),
        (Focus::Unreviewed, 0) => format!("Nothing in {place} waits for a review."),
        (Focus::Unreviewed, 1) => {
            format!("1 task in {place} is in review, and it has not waited long.")
        }
        (Focus::Unreviewed, count) => {
            format!("{count} tasks in {place} are in review, and none has waited long.")
        }
    }
}

/// The task that was asked about.
fn about(
    draft: &mut Draft,
    reference: &str,
    task: Option<&Task>,
    projects: &[Project],
    manner: Manner,
) -> String {
    let asked = task.map(|task| Point {
        reason: Reason::Asked,
        task,
        is_big: false,
    });
    match points::asked(reference, projects).or(asked) {
        Some(point) => advice::about(draft, &point, manner),
        None => format!("There is no {reference} in your projects."),
    }
}

/// What can be asked.
fn help(manner: Manner) -> String {
    let lead = if manner.supportive {
        "You can ask me"
    } else {
        "Ask me"
    };
    let mut text = match manner.form {
        Form::Steps => format!(
            "{lead}:\n1. What changed since I was here?\n2. What should I do next, and why?\n\
             3. What is overdue, stuck, waiting for review or too big?\n\
             4. About one task, by its reference."
        ),
        Form::Example => format!(
            "{lead}, for example, \"What should I do next?\" or \"What changed?\", or name a task by its reference."
        ),
        Form::Explanation => format!(
            "{lead} what changed, what to do next, what is overdue, stuck, waiting for review or too big, or \
             about one task by its reference."
        ),
    };
    if manner.detailed {
        text.push_str("\nI read your own projects only, and I say nothing that they do not show.");
    }
    text
}

/// `KEY`, `ONE and TWO`, `your 5 projects`
fn place(draft: &mut Draft, projects: &[Project]) -> String {
    let keys: Vec<_> = projects
        .iter()
        .map(|project| draft.project(project))
        .collect();
    match keys.len() {
        0..=3 => listed(&keys),
        count => format!("your {count} projects"),
    }
}

fn joined(parts: &[String], manner: Manner) -> String {
    parts.join(if manner.detailed { "\n\n" } else { "\n" })
}
