//! What changed since the asker was last here, and how projects stand where that is not known.

use std::collections::BTreeSet;

use super::{
    Draft,
    facts::{Change, Changes, Project},
    manner::{Form, Manner},
    wording::{counted, date, day_of, listed},
};

/// Projects whose changes are told in one reply; the others are named and told of the next time.
const TOLD: usize = 3;

/// Changes are counted up to here.
const COUNTED: u32 = 10_000;

/// What each type of event is called: one, many; and what happened to its task.
const NAMES: &[(&str, &str, &str, &str)] = &[
    (
        "devmentor.task.created.v1",
        "new task",
        "new tasks",
        "was added",
    ),
    (
        "devmentor.task.completed.v1",
        "completion",
        "completions",
        "was completed",
    ),
    ("devmentor.task.moved.v1", "move", "moves", "was moved"),
    ("devmentor.task.updated.v1", "edit", "edits", "was edited"),
    (TASK_DELETED, "deletion", "deletions", "was deleted"),
    (
        "devmentor.comment.added.v1",
        "new comment",
        "new comments",
        "got a comment",
    ),
    (
        "devmentor.comment.updated.v1",
        "edited comment",
        "edited comments",
        "had a comment edited",
    ),
    (
        "devmentor.comment.deleted.v1",
        "deleted comment",
        "deleted comments",
        "had a comment deleted",
    ),
];
const TASK_DELETED: &str = "devmentor.task.deleted.v1";

/// Which changes are named with their tasks: how many of the newest, and in which form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Naming {
    pub(super) most: usize,
    pub(super) form: Form,
}

/// What changed in these projects, the most pressing first; how they stand where that is not known.
/// Each project told of counts as seen.
pub(super) fn tell(
    draft: &mut Draft,
    projects: &[Project],
    manner: Manner,
    naming: Naming,
) -> Vec<String> {
    let with = |project: &Project, changed: bool| match &project.changes {
        Some(changes) => (changes.total > 0) == changed,
        None => false,
    };
    let changed: Vec<_> = projects.iter().filter(|of| with(of, true)).collect();
    let quiet: Vec<_> = projects.iter().filter(|of| with(of, false)).collect();
    let unknown: Vec<_> = projects.iter().filter(|of| of.changes.is_none()).collect();
    let mut texts = Vec::new();
    if !changed.is_empty() {
        texts.push(told_changes(draft, &changed, manner, naming));
    } else if !quiet.is_empty() {
        texts.push(nothing_changed(draft, &quiet));
    }
    if !unknown.is_empty() {
        texts.push(standing(draft, &unknown));
    }
    texts
}

fn told_changes(draft: &mut Draft, changed: &[&Project], manner: Manner, naming: Naming) -> String {
    let mut lines = Vec::new();
    let mut all_own = true;
    for project in &changed[..changed.len().min(TOLD)] {
        let Some(changes) = &project.changes else {
            continue;
        };
        let key = draft.project(project);
        draft.seen(project);
        let own = are_own(changes, &draft.asker);
        all_own &= own;
        let counts = counts(changes, own);
        let mut line = match changed.len() {
            1 => format!("Since you were last here in {key}: {counts}."),
            _ => format!("{key}: {counts}."),
        };
        line.push_str(&latest(draft, changes, naming));
        lines.push(line);
    }
    let mut text = String::new();
    if manner.supportive && !all_own {
        text.push_str("Welcome back. ");
    }
    if changed.len() > 1 {
        text.push_str("Since you were last here:\n");
    }
    text.push_str(&lines.join("\n"));
    if let Some(others) = changed.get(TOLD..).filter(|others| !others.is_empty()) {
        let keys: Vec<_> = others
            .iter()
            .map(|project| draft.project(project))
            .collect();
        text.push_str(&format!(
            "\nThere are changes in {} as well.",
            listed(&keys)
        ));
    }
    text
}

/// `2 new tasks, 1 completion and 1 other change, all your own`
fn counts(changes: &Changes, own: bool) -> String {
    if changes.total > COUNTED {
        return "more than 10,000 changes".to_owned();
    }
    let count_of = |type_name: &str| changes.by_type.get(type_name).copied().unwrap_or_default();
    let known: u32 = NAMES.iter().map(|(name, ..)| count_of(name)).sum();
    let others = changes.total.saturating_sub(known);
    let counts: Vec<_> = NAMES
        .iter()
        .map(|(name, one, many, _)| (count_of(name), *one, *many))
        .chain([(others, "other change", "other changes")])
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| counted(count, one, many))
        .collect();
    let whose = match (own, changes.total) {
        (false, _) => "",
        (true, 1) => ", your own",
        (true, _) => ", all your own",
    };
    format!("{}{whose}", listed(&counts))
}

/// Whether the asker made every one of them. Only the newest are known one by one.
fn are_own(changes: &Changes, asker: &str) -> bool {
    let all_known = usize::try_from(changes.total) == Ok(changes.latest.len());
    all_known && changes.latest.iter().all(|change| change.actor == asker)
}

/// The newest changes with their tasks, each task once, and none that is gone.
fn latest(draft: &mut Draft, changes: &Changes, naming: Naming) -> String {
    let ids = |change: &Change| change.task.as_ref().map(|(id, ..)| *id);
    let deleted = changes
        .latest
        .iter()
        .filter(|change| change.type_name == TASK_DELETED);
    let mut known: BTreeSet<_> = deleted.filter_map(ids).collect();
    let mut told = Vec::new();
    for change in &changes.latest {
        let verb = NAMES.iter().find(|(name, ..)| *name == change.type_name);
        let (Some((.., verb)), Some((id, reference, title))) = (verb, &change.task) else {
            continue;
        };
        if told.len() < naming.most && known.insert(*id) {
            let task = draft.named_task(*id, reference, title);
            told.push(format!("{task} {verb} ({})", date(day_of(change.time))));
        }
    }
    match (told.is_empty(), naming.form) {
        (true, _) => String::new(),
        (_, Form::Steps) => {
            let lines = told.iter().enumerate();
            let lines = lines.map(|(place, told)| format!("\n{}. {told}", place + 1));
            format!(" The newest:{}", lines.collect::<String>())
        }
        (_, Form::Example) => format!(" For example, {}.", listed(&told)),
        (_, Form::Explanation) => format!(" The newest: {}.", listed(&told)),
    }
}

fn nothing_changed(draft: &mut Draft, quiet: &[&Project]) -> String {
    let keys: Vec<_> = quiet.iter().map(|project| draft.project(project)).collect();
    quiet.iter().for_each(|project| draft.seen(project));
    format!(
        "Nothing has changed in {} since you were last here.",
        listed(&keys)
    )
}

/// Nobody's last visit is made up: where it is not known, this is told.
fn standing(draft: &mut Draft, unknown: &[&Project]) -> String {
    let told = &unknown[..unknown.len().min(TOLD)];
    told.iter().for_each(|project| draft.seen(project));
    if let [project] = unknown {
        let key = draft.project(project);
        return format!(
            "I have no record of your last visit to {key}, so here is how it stands: {}.",
            board(project)
        );
    }
    let stands: Vec<_> = told
        .iter()
        .map(|project| format!("{}: {}.", draft.project(project), board(project)))
        .collect();
    let which = match unknown.len() > TOLD {
        true => "the most pressing projects",
        false => "things",
    };
    format!(
        "I have no record of your last visits, so here is how {which} stand:\n{}",
        stands.join("\n")
    )
}

/// `3 to do, 2 in progress and 14 done`
pub(super) fn board(project: &Project) -> String {
    let columns = [
        (project.todo, "to do"),
        (project.in_progress, "in progress"),
        (project.in_review, "in review"),
        (project.done, "done"),
    ];
    let columns: Vec<_> = columns
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    match columns.is_empty() {
        true => "no tasks yet".to_owned(),
        false => listed(&columns),
    }
}
