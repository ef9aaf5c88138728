//! What changed since the asker was last here, and how projects stand where that is not known.

use std::collections::BTreeSet;

use redis_contracts::event::{
    COMMENT_ADDED, COMMENT_DELETED, COMMENT_UPDATED, TASK_COMPLETED, TASK_CREATED, TASK_DELETED,
    TASK_MOVED, TASK_UPDATED,
};

use super::{
    draft::Draft,
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
    (TASK_CREATED, "new task", "new tasks", "was added"),
    (TASK_COMPLETED, "completion", "completions", "was completed"),
    (TASK_MOVED, "move", "moves", "was moved"),
    (TASK_UPDATED, "edit", "edits", "was edited"),
    (TASK_DELETED, "deletion", "deletions", "was deleted"),
    (
        COMMENT_ADDED,
        "new comment",
        "new comments",
        "got a comment",
    ),
    (
        COMMENT_UPDATED,
        "edited comment",
        "edited comments",
        "had a comment edited",
    ),
    (
        COMMENT_DELETED,
        "deleted comment",
        "deleted comments",
        "had a comment deleted",
    ),
];

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
    let (told, others) = changed.split_at(changed.len().min(TOLD));
    let is_foreign = |project: &&Project| {
        let changes = project.changes.as_ref();
        changes.is_some_and(|changes| !are_own(changes, &draft.asker))
    };
    let welcome = match manner.supportive && told.iter().any(is_foreign) {
        true => "Welcome back. ",
        false => "",
    };
    let mut text = match told {
        [project] => format!(
            "{welcome}Since you were last here in {}",
            line(draft, project, naming)
        ),
        _ if naming.most == 0 => format!(
            "{welcome}Since you were last here: {}.",
            totals(draft, told)
        ),
        _ => {
            let lines: Vec<_> = told.iter().map(|of| line(draft, of, naming)).collect();
            format!("{welcome}Since you were last here:\n{}\n", lines.join("\n"))
        }
    };
    if !others.is_empty() {
        let keys: Vec<_> = others
            .iter()
            .map(|project| draft.project(project))
            .collect();
        let blank = if text.ends_with('\n') { "" } else { " " };
        text.push_str(&format!(
            "{blank}There are changes in {} as well.",
            listed(&keys)
        ));
    }
    text.trim_end().to_owned()
}

/// `KEY: 2 new tasks and 1 completion.`, with the newest of them.
fn line(draft: &mut Draft, project: &Project, naming: Naming) -> String {
    let key = draft.project(project);
    draft.seen(project);
    let Some(changes) = &project.changes else {
        return key;
    };
    let counts = counts(changes, are_own(changes, &draft.asker));
    format!("{key}: {counts}.{}", latest(draft, changes, naming))
}

/// `5 changes in ONE and 2 changes in TWO`
fn totals(draft: &mut Draft, projects: &[&Project]) -> String {
    let mut totals = Vec::new();
    for project in projects {
        let key = draft.project(project);
        draft.seen(project);
        let total = project.changes.as_ref().map_or(0, |changes| changes.total);
        totals.push(format!("{} in {key}", changes_in_all(total)));
    }
    listed(&totals)
}

fn changes_in_all(total: u32) -> String {
    match total > COUNTED {
        true => "more than 10,000 changes".to_owned(),
        false => counted(total, "change", "changes"),
    }
}

/// `2 new tasks, 1 completion and 1 other change, all your own`
fn counts(changes: &Changes, own: bool) -> String {
    if changes.total > COUNTED {
        return changes_in_all(changes.total);
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
